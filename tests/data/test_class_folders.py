"""A folder of class folders becomes a database whose labels go by the folders' names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from protonet.cli.data import command
from protonet.data.class_folders import held_out
from protonet.data.image_list import ListedImage
from protonet.diagnostics import NetError
from protonet.schema.pool import message_class


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["b cats/1.JPG", "b cats/deep/2.png", "a/9.png", "a/10.png", "C/x.bmp"]
    for number, name in enumerate(names):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((4, 5, 3), number, np.uint8))
    Path("photos/a/notes.txt").write_text("no image")
    Path("photos/a/.hidden.png").write_text("no image")
    Path("photos/.git").mkdir()
    return names


def test_labels_go_by_the_sorted_names(photos):
    done = run("images", "photos", "-o", "db")
    assert Path("labels.txt").read_text() == "C\na\nb cats\n"
    assert "3 classes, in labels.txt; left out, no images by their name: 1" in done.stderr
    assert "--shuffle mixes them" in done.stderr
    with lmdb.open("db", readonly=True, lock=False) as opened, opened.begin() as transaction:
        records = [
            (k.decode(), message_class("Datum").FromString(v)) for k, v in transaction.cursor()
        ]
    classes = sorted({name.split("/")[0] for name in photos})
    wanted = sorted((name.split("/")[0], name) for name in photos)
    assert [key[9:] for key, _ in records] == [name for _, name in wanted]
    assert [datum.label for _, datum in records] == [classes.index(c) for c, _ in wanted]
    run("images", "photos", "-o", "mixed", "--shuffle")  # the same labels.txt serves both


@pytest.mark.usefixtures("photos")
def test_other_labels_are_not_written_over():
    Path("labels.txt").write_text("a\nb\n")
    with pytest.raises(NetError, match=r"labels.txt has other classes than these: C, a, b cats"):
        run("images", "photos", "-o", "db")
    assert not Path("db").exists()
    with pytest.raises(NetError, match="has no class folders in it"):
        run("images", "photos/a", "-o", "db")


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60).map(sorted))
def test_every_fifth_is_held_out(labels):
    images = [ListedImage(str(i), label, 0) for i, label in enumerate(labels)]
    counts = Counter(labels)
    if max(counts.values()) == 1:
        with pytest.raises(NetError, match="each class has one image"):
            held_out(images)
        return
    train, test = held_out(images)
    assert sorted(train + test) == sorted(images)
    several = sum(n for n in counts.values() if n > 1)
    assert len(test) == max(1, several // 5)
    assert {image.label for image in train} == set(labels)
