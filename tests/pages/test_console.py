"""What counts as what a page shows, and how its commands are run."""

from __future__ import annotations

import pytest
from console import alike, commands, run


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ("a  b\nc 12", "a  b\nc 12\n"),
        ("first\n...\nlast", "first\nx\ny\nlast"),
        ("...\nlast", "last"),
        ("loss = 0.351", "loss = 0.362"),
        ("forward: 1.20 ms, 3 s", "forward: 8.75 ms, 40 s"),
        ("I1127 15:00:05.820410 30188 solver.py:1] a", "I0101 01:00:00.000001   7 solver.py:1] a"),
    ],
)
def test_what_is_alike(shown, given):
    assert alike(shown, given)


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ("a b", "a c"),
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("12 layers", "13 layers"),
        ("loss = 0.351", "loss = 0.451"),
        ("first\n...\nlast", "first\nlast\nmore"),
        ("3 layers", "3.0 layers"),
    ],
)
def test_what_is_not(shown, given):
    assert not alike(shown, given)


def test_in_tables_of_times_the_decimals_are_free():
    assert alike("conv1   3.443   13.5", "conv1  33.4  1.5", timed=True)
    assert not alike("conv1   3.443   13.5", "conv2  33.4  1.5", timed=True)


def test_commands_end_before_their_comment_and_go_over_lines():
    text = "$ a --b \\\n    c   # why\nout\nmore\n$ d\n"
    assert [(command, shown) for command, _, shown in commands(text)] == [
        ("a --b c", "out\nmore\n"),
        ("d", ""),
    ]


def test_a_command_gives_its_output_and_its_exit_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("protonet --version")[1] == 0
    assert run("protonet check nowhere.prototxt")[1] == 1
    assert run("protonet unknown")[1] == 2
    assert run("ls | wc -l")[0].strip() == "0"
