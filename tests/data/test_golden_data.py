"""Every data layer that was measured on Caffe gives Caffe's batches, and goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
EXPECTED = np.load(GOLDEN / "expected.npz")


def expected(name):
    """{top: [the batches]} of a case."""
    tops = {}
    for key in EXPECTED.files:
        case, top, _ = key.rsplit("/", 2)
        if case == name:
            tops.setdefault(top, []).append(EXPECTED[key])
    return tops


@pytest.mark.usefixtures("golden_data")
@pytest.mark.parametrize("name", MANIFEST)
def test_batches_are_caffes(feed_of, name):
    feed = feed_of(f"{name}.prototxt", MANIFEST[name]["phase"])
    tops = expected(name)
    assert feed.shapes == {top: batches[0].shape for top, batches in tops.items()}
    for k in range(4):
        batch = next(feed)
        assert batch.keys() == tops.keys()
        for top, wanted in tops.items():
            assert batch[top].dtype == np.float32
            np.testing.assert_allclose(batch[top], wanted[k], rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("golden_data")
@pytest.mark.parametrize("name", MANIFEST)
def test_a_saved_position_gives_the_same_batch(feed_of, name):
    phase = MANIFEST[name]["phase"]
    feed = feed_of(f"{name}.prototxt", phase)
    for _ in range(3):
        state = json.loads(json.dumps(feed.state()))
        wanted = [next(feed) for _ in range(2)]
        other = feed_of(f"{name}.prototxt", phase)
        other.restore(state)
        for batch in wanted:
            again = next(other)
            assert again.keys() == batch.keys()
            for top in batch:
                np.testing.assert_array_equal(again[top], batch[top])
