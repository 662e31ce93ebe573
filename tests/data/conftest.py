"""A copy of Caffe's measured data, and feeds of a prototxt's layers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from protonet.api import read
from protonet.data import open_feeds
from protonet.schema.select import select

GOLDEN = Path(__file__).parents[1] / "golden" / "data"


@pytest.fixture
def golden_data(tmp_path, monkeypatch):
    """The folder of the measured cases, as the working directory."""
    target = tmp_path / "data"
    shutil.copytree(GOLDEN, target)
    monkeypatch.chdir(target)
    return target


@pytest.fixture
def feed_of():
    """A function that opens the only data layer of a net and closes it after the test."""
    opened = []

    def open_one(source, phase="TEST", **options):
        (feed,) = open_feeds(select(read(source), phase), phase, **options)
        opened.append(feed)
        return feed

    yield open_one
    for feed in opened:
        feed.close()
