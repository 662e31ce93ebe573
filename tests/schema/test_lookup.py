"""A file is taken from the working directory, else from the first folder that has it."""

from __future__ import annotations

import pytest

from protonet.diagnostics import AsInCaffe
from protonet.schema.load import load
from protonet.schema.lookup import found


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("here.txt", "one/both.txt", "two/both.txt", "two/there.txt", "one/here.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("both.txt", "one/both.txt"),
        ("there.txt", "two/there.txt"),
        ("nowhere.txt", "nowhere.txt"),
    ],
)
def test_the_first_place_that_has_it(name, wanted):
    assert found(name, "one", "two") == wanted


def test_the_working_directory_comes_first_and_it_is_said():
    with pytest.warns(AsInCaffe, match=r"here.txt is taken .* and not one/here.txt"):
        assert found("here.txt", "one") == "here.txt"
    assert found("here.txt", "two", "") == "here.txt"  # no other is meant


def test_a_whole_path_is_looked_for_nowhere_else(tmp_path):
    whole = str(tmp_path / "nowhere.txt")
    assert found(whole, "one") == whole


def test_the_folder_of_a_definition_is_that_of_its_file(tmp_path):
    (tmp_path / "one" / "net.prototxt").write_text('name: "n"')
    assert load("one/net.prototxt").folder == "one"
    assert load('name: "n" layer {}').folder == ""
