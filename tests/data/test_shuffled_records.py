"""Data with shuffle, as Intel's fork has it: every record once a round, in an order of the seed."""

from __future__ import annotations

import json

import lmdb
import numpy as np
import pytest

from protonet.diagnostics import NetError
from protonet.schema.pool import message_class

COUNT, LONG = 211, 9000  # records, of which one a dozen is longer than a page


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = lmdb.open("db", map_size=1 << 23)
    with opened as environment, environment.begin(write=True) as transaction:
        for number in range(COUNT):
            size = (1, LONG, 1) if number % 12 == 0 else (1, 3, 1)
            made = message_class("Datum")(label=number)
            made.channels, made.height, made.width = size
            made.data = bytes([number]) * int(np.prod(size))
            transaction.put(b"%08d" % (7 * number), made.SerializeToString())


def layer(batch=1, more="shuffle: true", backend="LMDB"):
    return (
        'layer { name: "d" type: "Data" top: "data" top: "label" data_param '
        f'{{ source: "db" backend: {backend} batch_size: {batch} {more} }} }}'
    )


def labels(feed, count):
    found = []
    for _ in range(count):
        batch = next(feed)
        number = int(batch["label"][0])
        assert (batch["data"] == number % 256).all()
        assert batch["data"].size == (LONG if number % 12 == 0 else 3)
        found.append(number)
    return found


def orders(seed, rounds):
    """Caffe's shuffle by boost: the reader's thread is seeded by the first number of the seed's."""
    state = np.random.RandomState(seed)

    def rand():
        return int(state.randint(0, 1 << 32, dtype=np.uint32))

    for _ in range(2):
        state = np.random.RandomState(rand())
    items, found = list(range(COUNT)), []
    for _ in range(rounds):
        for last in range(COUNT - 1, 0, -1):
            width = (1 << 32) // (last + 1)
            place = rand() // width
            while place > last:
                place = rand() // width
            items[last], items[place] = items[place], items[last]
        found.append(list(items))
    return found


@pytest.mark.usefixtures("database")
def test_the_order_is_the_forks(feed_of):
    feed = feed_of(layer(), "TRAIN", seed=5)
    for wanted in orders(5, 3):
        assert labels(feed, COUNT) == wanted


@pytest.mark.usefixtures("database")
def test_processes_share_one_order(feed_of):
    ranks = [feed_of(layer(), "TRAIN", seed=5, rank=rank, world=2) for rank in range(2)]
    both = [labels(feed, COUNT) for feed in ranks]
    mixed = [label for pair in zip(*both, strict=True) for label in pair]
    assert mixed == [label for one in orders(5, 2) for label in one]


@pytest.mark.usefixtures("database")
def test_a_position_goes_on(feed_of):
    feed = feed_of(layer(), "TRAIN", seed=5)
    labels(feed, COUNT + 17)
    state = json.loads(json.dumps(feed.state()))
    other = feed_of(layer(), "TRAIN", seed=6)
    other.restore(state)
    assert labels(other, COUNT) == labels(feed, COUNT)


@pytest.mark.usefixtures("database")
def test_an_unshuffled_position_does_not(feed_of):
    feed, plain = feed_of(layer(), seed=5), feed_of(layer(more=""), seed=5)
    with pytest.raises(NetError, match="can't be taken up"):
        feed.restore(json.loads(json.dumps(plain.state())))


@pytest.mark.usefixtures("database")
def test_a_level_db_is_refused(feed_of):
    with pytest.raises(NetError, match="shuffle takes an LMDB"):
        feed_of(layer(backend="LEVELDB"))
