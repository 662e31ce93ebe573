"""CustomData: records of images, flows and bits, in the order that FlowNet's fork has."""

from __future__ import annotations

import lmdb
import numpy as np
import pytest

import protonet
from protonet import NetError
from protonet.data import open_feed
from protonet.data.libc_random import LibcRandom
from protonet.schema.load import load
from protonet.schema.pool import message_class

# What glibc's rand() gives after srand of these seeds: the first two and the 38th.
RAND = {1: (1804289383, 846930886, 2089018456), 77: (164215730, 618066554, 25157921)}


def layer(more="", tops=("a", "b", "flow", "seen")):
    names = " ".join(f'top: "{top}"' for top in tops)
    return (
        f'layer {{ name: "d" type: "CustomData" {names} data_param {{ source: "db" '
        f"backend: LMDB batch_size: 2 {more} }} }}"
    )


SLICES = "slice_point: 3 slice_point: 4 slice_point: 6 "
SLICES += "encoding: UINT8 encoding: UINT8 encoding: UINT16FLOW encoding: BOOL1"


OPEN = []


@pytest.fixture(autouse=True)
def closed():
    yield
    while OPEN:
        OPEN.pop().close()


def feed_of(text, phase="TRAIN", **options):
    loaded = load(text)
    OPEN.append(open_feed(loaded.message.layer[0], phase, seed=1, **options))
    return OPEN[-1]


def record(number):
    """Two images, of 3 and 1 channels, a flow in 1/32 pixels and a map of bits, 3 x 5."""
    draw = np.random.default_rng(number)
    images = draw.integers(0, 256, (4, 3, 5), dtype=np.uint8)
    flow = draw.integers(-32768, 32768, (2, 3, 5)).astype("<i2")
    flow[0, 0, 0] = 32767
    seen = draw.integers(0, 2, (3, 5)).astype(bool)
    packed = bytearray(2)
    for i, bit in enumerate(seen.flatten()):
        packed[i // 8] |= int(bit) << (i % 8)
    made = message_class("Datum")(channels=7, height=3, width=5, label=number)
    made.data = images.tobytes() + flow.tobytes() + bytes(packed)
    return images, flow, seen, made


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = lmdb.open("db", map_size=1 << 22)
    with opened as environment, environment.begin(write=True) as transaction:
        for number in range(7):
            value = record(number)[3].SerializeToString()
            transaction.put(b"%08d_%s" % (number, b"flow.flo"), value)


def numbers(feed, batches):
    """Which records come, by their first image."""
    first = {record(n)[0][:3].tobytes(): n for n in range(7)}
    found = []
    for _ in range(batches):
        found += [first[x.astype(np.uint8).tobytes()] for x in next(feed)["a"]]
    return found


@pytest.mark.usefixtures("database")
def test_slices_are_decoded():
    feed = feed_of(layer(SLICES))
    assert feed.shapes == {
        "a": (2, 3, 3, 5),
        "b": (2, 1, 3, 5),
        "flow": (2, 2, 3, 5),
        "seen": (2, 1, 3, 5),
    }
    batch = next(feed)
    for row in range(2):
        images, flow, seen, _ = record(row)
        assert np.array_equal(batch["a"][row], images[:3])
        assert np.array_equal(batch["b"][row], images[3:])
        wanted = np.where(flow == 32767, np.nan, flow / 32).astype(np.float32)
        assert np.array_equal(batch["flow"][row], wanted, equal_nan=True)
        assert np.array_equal(batch["seen"][row, 0], seen)


@pytest.mark.usefixtures("database")
def test_a_mean_and_a_scale():
    more = f"{SLICES} subtract: 1 subtract: 2 subtract: 3 subtract: 4 scale: 0.5"
    batch = next(feed_of(layer(more)))
    images = record(0)[0]
    wanted = (images - np.array([1, 2, 3, 4])[:, None, None]) * 0.5
    assert np.array_equal(batch["a"][0], wanted[:3])
    assert np.array_equal(batch["b"][0], wanted[3:])


@pytest.mark.usefixtures("database")
def test_records_go_round_within_a_range():
    assert numbers(feed_of(layer(SLICES)), 5) == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]
    assert numbers(feed_of(layer(f"{SLICES} range_start: 2 range_end: 4")), 3) == [2, 3, 4, 2, 3, 4]


@pytest.mark.parametrize("seed", RAND)
def test_rand_is_the_c_librarys(seed):
    random = LibcRandom(seed)
    drawn = [random.draw() for _ in range(38)]
    assert (drawn[0], drawn[1], drawn[37]) == RAND[seed]


def shuffled(items, draws):
    """Exchange each with one up to it, by the numbers of rand."""
    items = list(items)
    for i in range(1, len(items)):
        j = next(draws) % (i + 1)
        items[i], items[j] = items[j], items[i]
    return items


@pytest.mark.usefixtures("database")
def test_a_shuffle_comes_before_the_range_or_after_it():
    random = LibcRandom(77)
    draws = iter([random.draw() for _ in range(20)])
    order = shuffled(range(7), draws)
    more = f"{SLICES} rand_permute: true rand_permute_seed: 77 "
    assert numbers(feed_of(layer(more)), 3) == order[:6]
    assert numbers(feed_of(layer(f"{more} range_end: 2")), 3) == order[:3] * 2
    random = LibcRandom(77)
    draws = iter([random.draw() for _ in range(20)])
    more += "rand_permute_order: FIRST_RANGE_THEN_PERMUTE range_start: 3"
    assert numbers(feed_of(layer(more)), 2) == shuffled(range(3, 7), draws)


@pytest.mark.usefixtures("database")
def test_a_block_is_shuffled_but_for_its_last():
    more = f"{SLICES} rand_permute: true rand_permute_seed: 5 block_size: 3"
    order = numbers(feed_of(layer(more)), 3)
    assert (order[2], order[5]) == (2, 5)
    assert set(order[:2]) == {0, 1}
    assert set(order[3:5]) == {3, 4}


@pytest.mark.usefixtures("database")
def test_a_new_shuffle_comes_after_so_many_batches():
    random = LibcRandom(77)
    draws = iter([random.draw() for _ in range(40)])
    first = shuffled(range(7), draws)
    second = shuffled(first, draws)
    more = f"{SLICES} rand_permute: true rand_permute_seed: 77 permute_every_iter: 2"
    feed = feed_of(layer(more))
    assert numbers(feed, 4) == [*first[:4], *second[4:], second[0]]


@pytest.mark.usefixtures("database")
def test_records_are_preselected(tmp_path):
    (tmp_path / "split.list").write_text("1\n2\n1\n1\n2\n1\n2\n")
    more = f'{SLICES} preselection_file: "split.list" preselection_label: 2'
    assert numbers(feed_of(layer(more)), 2) == [1, 4, 6, 1]
    (tmp_path / "split.list").write_text("1 2")
    with pytest.raises(NetError, match=r"split\.list has 2 labels for 7 records"):
        feed_of(layer(more))


@pytest.mark.usefixtures("database")
def test_a_feed_is_taken_up_again():
    more = f"{SLICES} rand_permute: true rand_permute_seed: 77 permute_every_iter: 1"
    feed = feed_of(layer(more))
    next(feed)
    state = feed.state()
    wanted = [next(feed)["a"] for _ in range(4)]
    again = feed_of(layer(more))
    again.restore(state)
    assert all(np.array_equal(next(again)["a"], x) for x in wanted)


@pytest.mark.usefixtures("database")
def test_processes_take_records_in_turn():
    found = [numbers(feed_of(layer(SLICES), rank=rank, world=2), 2) for rank in range(2)]
    assert found == [[0, 2, 4, 6], [1, 3, 5, 0]]


@pytest.mark.usefixtures("database")
def test_a_net_knows_the_shapes_of_its_records():
    net = layer(SLICES) + 'layer { name: "p" type: "Power" bottom: "flow" top: "p" }'
    assert protonet.check(net) == []
    assert protonet.api.graph(net, phase="TRAIN").blobs["p"].shape == (2, 2, 3, 5)


@pytest.mark.parametrize(
    ("more", "tops", "told"),
    [
        ("slice_point: 3", ("a",), "2 slices give as many tops, not 1"),
        ("slice_point: 9", ("a", "b"), "slice_point cuts 7 channels at 9"),
        ("slice_point: 3 crop_size: 2", ("a", "b"), "crop_size belongs to a fork"),
        ("slice_point: 3", ("a", "b"), "its slices take 105 bytes|it ends after"),
        ("backend: LEVELDB", ("a",), "it reads an LMDB only, as its fork does"),
        ("range_start: 5 range_end: 3", ("a",), "range_end 3 is before range_start 5"),
    ],
)
@pytest.mark.usefixtures("database")
def test_refusals(more, tops, told):
    text = layer(more, tops)
    text = text.replace("backend: LMDB ", "") if "LEVELDB" in more else text
    with pytest.raises(NetError, match=told) as caught:
        feed_of(text)
    assert "layer 'd' (CustomData)" in caught.value.message
