"""Batches made ahead are those of a single reader, and so is the position that they leave."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

import protonet
from protonet.data.feed import Feed
from protonet.data.prefetch import prefetched
from protonet.diagnostics import NetError

NOISE = (
    'layer { name: "d" type: "DummyData" top: "x" dummy_data_param { shape { dim: 3 dim: 4 } '
    'data_filler { type: "gaussian" } } }'
)


def test_order_is_that_of_one_reader(feed_of):
    alone = feed_of(NOISE, seed=3)
    with prefetched([feed_of(NOISE, seed=3)], workers=4, depth=5) as ahead:
        for _ in range(40):
            np.testing.assert_array_equal(next(ahead)["x"].numpy(), next(alone)["x"])


def test_state_is_of_the_last_batch_taken(feed_of):
    with prefetched([feed_of(NOISE, seed=3)], workers=3, depth=6) as ahead:
        before = ahead.state()
        first = next(ahead)
        time.sleep(0.1)
        (after,) = ahead.state()
        second = next(ahead)
    other = feed_of(NOISE, seed=8)
    other.restore(before[0])
    np.testing.assert_array_equal(next(other)["x"], first["x"].numpy())
    assert other.state() == after
    np.testing.assert_array_equal(next(other)["x"], second["x"].numpy())


def test_the_following_batch_stays_to_be_taken(feed_of):
    with prefetched([feed_of(NOISE, seed=3)], workers=2, depth=4) as ahead:
        next(ahead)
        before = ahead.state()
        while not ahead._pending[0].done():
            time.sleep(0.01)
        following = ahead.following()
        assert ahead.state() == before
        assert next(ahead) is following
    assert ahead.following() is None


def test_no_batch_follows_where_making_it_fails():
    failing = Failing("make")
    with prefetched([failing], workers=1, depth=3) as ahead:
        next(ahead), next(ahead)
        while not ahead._pending[0].done():
            time.sleep(0.01)
        assert ahead.following() is None
        with pytest.raises(NetError, match="record"):
            next(ahead)


class Failing(Feed):
    """Gives two batches and then fails, in the plan or in the making."""

    type = "Failing"

    def __init__(self, stage):
        self.stage, self.count, self.closed = stage, 0, False

    def plan(self):
        self.count += 1
        if self.stage == "plan" and self.count > 2:
            raise NetError("record 2 is broken")
        return self.count

    def make(self, planned, new=None):
        time.sleep(0.05 if planned == 1 else 0)
        if self.stage == "make" and planned > 2:
            raise NetError("record 2 is broken")
        return {"n": np.full(1, planned, np.float32)}

    def close(self):
        self.closed = True


@pytest.mark.parametrize("stage", ["plan", "make"])
def test_an_error_comes_where_its_batch_would(stage):
    feed = Failing(stage)
    with prefetched([feed], workers=2, depth=4) as ahead:
        assert [next(ahead)["n"].item() for _ in range(2)] == [1, 2]
        for _ in range(2):
            with pytest.raises(NetError, match="record 2"):
                next(ahead)
    assert feed.closed


def test_close_leaves_no_thread(feed_of):
    before = threading.active_count()
    ahead = prefetched([feed_of(NOISE, seed=3)], workers=2, depth=2)
    next(ahead)
    ahead.close()
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(ahead)


def test_batches_of_a_net():
    two = NOISE + NOISE.replace('"d"', '"e"').replace('"x"', '"y"')
    with protonet.batches(two, seed=1) as batches:
        batch = next(batches)
    assert batch["x"].shape == (3, 4)
    assert not torch.equal(batch["x"], batch["y"])
    with pytest.raises(NetError, match="no data layer in the phase TEST"):
        protonet.batches('layer { name: "i" type: "Input" top: "x" }', phase="TEST")


def test_memory_of_a_batch_is_used_again_only_when_nobody_holds_it():
    class Counting(Feed):
        type = "Counting"
        count = 0

        def __init__(self):
            self.definition = None

        def plan(self):
            self.count += 1
            return self.count

        def make(self, planned, new=None):
            array = new((64, 64))
            array.fill(planned)
            return {"n": array}

    with prefetched([Counting()], workers=2, depth=3) as ahead:
        kept, parts, places = [], [], set()
        for number in range(1, 60):
            batch = next(ahead)["n"]
            places.add(batch.data_ptr())
            if number % 20 == 0:
                kept.append((number, batch))
            if number % 20 == 10:
                parts.append((number, batch[3:5], batch.numpy()[7]))
            del batch
        for number, batch in kept:
            assert (batch == number).all()
        for number, tensor, array in parts:
            assert (tensor == number).all()
            assert (array == number).all()
    assert len(places) < 20
