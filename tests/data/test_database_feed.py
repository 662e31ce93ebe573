"""Databases: order, ranks, sharing, and one clear error for each that is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import lmdb
import numpy as np
import plyvel
import pytest

import protonet
from protonet.data import open_feed
from protonet.data.datum import parse_datum
from protonet.diagnostics import NetError
from protonet.schema.pool import message, message_class

pytestmark = pytest.mark.usefixtures("golden_data")


def data_layer(source="raw_lmdb", batch=3, tops=2, more="", backend="LMDB"):
    names = 'top: "data" ' + 'top: "label" ' * (tops - 1)
    return (
        f'layer {{ name: "d" type: "Data" {names} data_param '
        f'{{ source: "{source}" backend: {backend} batch_size: {batch} {more} }} }}'
    )


def labels(feed, batches):
    """The labels of the next batches; a record of raw_lmdb has twice its number as its label."""
    return [next(feed)["label"].tolist() for _ in range(batches)]


def write(path, values, keys=None):
    opened = lmdb.open(path, map_size=1 << 22)
    with opened as environment, environment.begin(write=True) as transaction:
        for number, value in enumerate(values):
            transaction.put(keys[number] if keys else b"%08d" % number, value)


def datum(label=0, shape=(1, 2, 2), **fields):
    made = message_class("Datum")(**fields)
    made.channels, made.height, made.width = shape
    if label is not None:
        made.label = label
    if not fields:
        made.data = bytes(range(int(np.prod(shape))))
    return made.SerializeToString()


def refused(feed_of, *words, source="db", **options):
    with pytest.raises(NetError) as caught:
        labels(feed_of(data_layer(source, **options)), 3)
    assert caught.value.span is not None
    for word in words:
        assert word in str(caught.value)


def test_ranks_take_records_in_turn(feed_of):
    """Seven records, three ranks: each takes every third, and after seven they shift."""
    for rank in range(3):
        feed = feed_of(data_layer(batch=2), "TRAIN", rank=rank, world=3)
        numbers = [2 * ((rank + 3 * i) % 7) for i in range(20)]
        wanted = [[float(numbers[2 * b]), float(numbers[2 * b + 1])] for b in range(10)]
        assert labels(feed, 10) == wanted


def test_ranks_together_read_what_one_process_reads(feed_of):
    alone = feed_of(data_layer(batch=6), "TRAIN")
    ranks = [feed_of(data_layer(batch=3), "TRAIN", rank=rank, world=2) for rank in range(2)]
    for _ in range(8):
        together = sorted(label for feed in ranks for label in labels(feed, 1)[0])
        assert sorted(labels(alone, 1)[0]) == together


def test_in_test_every_rank_reads_all(feed_of):
    feeds = [feed_of(data_layer(), "TEST", rank=rank, world=2) for rank in range(2)]
    assert labels(feeds[0], 5) == labels(feeds[1], 5)


def test_rand_skip(feed_of):
    starts = {labels(feed_of(data_layer(more="rand_skip: 5"), seed=s), 1)[0][0] for s in range(40)}
    assert starts == {0, 2, 4, 6, 8}


def test_a_position_goes_on_among_ranks(feed_of):
    feed = feed_of(data_layer(batch=2), "TRAIN", rank=1, world=2)
    labels(feed, 4)
    state = json.loads(json.dumps(feed.state()))
    wanted = labels(feed, 5)
    other = feed_of(data_layer(batch=2), "TRAIN", rank=1, world=2)
    other.restore(state)
    assert labels(other, 5) == wanted


def test_a_position_of_another_database_is_refused(feed_of):
    state = feed_of(data_layer()).state()
    write("db", [datum()], keys=[b"another"])
    with pytest.raises(NetError, match="no key '00000000' any more"):
        feed_of(data_layer("db", batch=1)).restore(state)
    hdf5 = feed_of("hdf5_two_files.prototxt")
    with pytest.raises(NetError, match="the saved position is that of the Data layer 'd'"):
        hdf5.restore(state)


def test_train_and_test_read_one_database(feed_of):
    one, other = feed_of(data_layer()), feed_of(data_layer())
    one.close()
    assert labels(other, 1) == [[0, 2, 4]]


def test_open_elsewhere(feed_of):
    """liblmdb takes a database once in a process; it is not asked."""
    with lmdb.open("raw_lmdb", readonly=True, lock=False):
        assert labels(feed_of(data_layer()), 1) == [[0, 2, 4]]


def test_a_read_only_folder(feed_of):
    for name in ("raw_lmdb", "raw_leveldb"):
        before = sorted(os.listdir(name)), [p.read_bytes() for p in sorted(Path(name).iterdir())]
        os.chmod(name, 0o555)
        next(feed_of(data_layer(name, backend=name[4:].upper().replace("DB", "DB"))))
        after = sorted(os.listdir(name)), [p.read_bytes() for p in sorted(Path(name).iterdir())]
        assert before == after
        os.chmod(name, 0o755)


def test_a_leveldb_is_read_beside_another_process(feed_of):
    with plyvel.DB("db", create_if_missing=True) as database:
        database.put(b"0", datum(7))
        assert labels(feed_of(data_layer("db", batch=1, backend="LEVELDB")), 2) == [[7], [7]]


def test_paths_beside_the_definition(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with protonet.batches("data/lmdb_raw.prototxt", phase="TEST") as batches:
        assert next(batches)["data"].shape == (3, 3, 12, 10)


def test_mistakes_in_the_definition(feed_of):
    refused(feed_of, "there is no file or folder 'nowhere'", "looked in", source="nowhere")
    refused(feed_of, "it has no source", source="")
    refused(feed_of, "batch_size must be positive", source="raw_lmdb", batch=0)
    refused(feed_of, "this is a LevelDB", source="raw_leveldb")
    refused(feed_of, "this is an LMDB", source="raw_lmdb", backend="LEVELDB")
    refused(feed_of, "is no LMDB", source="images")
    refused(feed_of, "rand_permute belongs to a fork", source="raw_lmdb", more="rand_permute: true")
    layer = message("LayerParameter")
    layer.name, layer.type = "i", "Input"
    with pytest.raises(NetError, match="no data layer"):
        open_feed(layer, "TEST")


def test_fields_of_forks_that_change_no_batch_are_passed_over(feed_of):
    assert labels(feed_of(data_layer(more="cache: true")), 1) == [[0, 2, 4]]


def test_broken_databases(feed_of):
    write("db", [])
    refused(feed_of, "the database db is empty")
    data = Path("raw_lmdb/data.mdb")
    whole = data.read_bytes()
    data.write_bytes(whole[:-4096])
    refused(feed_of, "is cut off: 8192 bytes of 12288", source="raw_lmdb")
    data.write_bytes(b"nonsense")
    refused(feed_of, "raw_lmdb/data.mdb is no LMDB", "it has 8 bytes", source="raw_lmdb")
    data.write_bytes(whole[:100])
    refused(feed_of, "or its beginning is damaged: it has 100 bytes", source="raw_lmdb")
    data.write_bytes(b"")
    refused(feed_of, "raw_lmdb/data.mdb is an empty file, no LMDB", source="raw_lmdb")


def test_a_database_cut_off_while_it_is_read(feed_of):
    feed = feed_of(data_layer(source="raw_lmdb"))
    next(feed)
    with Path("raw_lmdb/data.mdb").open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(NetError, match="is cut off: 4096 bytes of 12288"):
        [next(feed) for _ in range(4)]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"\xff" * 12, "it is no Datum message"),
        (datum()[:-3], "it is no Datum message, or it is cut off"),
        (datum(data=b"abc"), "it states 1x2x2 = 4 values, and has 3"),
        (datum(data=b"abc", encoded=True), "OpenCV can't decode it"),
        (datum(shape=(1, 3, 3)), "it gives 1x3x3, and the batch holds 1x2x2"),
        (datum(None), "it has no label"),
        (b"", "it states 0x0x0"),
    ],
)
def test_a_broken_record_is_named(feed_of, record, words):
    write("db", [datum(), datum(), record, datum()])
    refused(feed_of, "record 2 (key '00000002') of db can't be taken", words, batch=4)


def test_without_a_label_top_none_is_needed(feed_of):
    write("db", [datum(None)])
    assert next(feed_of(data_layer("db", batch=1, tops=1))).keys() == {"data"}


@pytest.mark.parametrize("packed", [True, False])
def test_datums_parse_as_protobuf_parses_them(packed):
    generator = np.random.RandomState(0)
    for _ in range(100):
        wanted = message_class("Datum")(label=int(generator.randint(-5, 2**31 - 1)))
        wanted.channels, wanted.height = generator.randint(0, 2**20, 2).tolist()
        floats = generator.randn(generator.randint(1, 60)).astype("<f4")
        record = wanted.SerializeToString()
        if packed:
            record += b"\x32" + bytes([floats.nbytes & 127 | 128, floats.nbytes >> 7])
            record += floats.tobytes()
        else:
            record += b"".join(b"\x35" + value.tobytes() for value in floats)
        record += message_class("Datum")(encoded=True, data=b"xyz").SerializeToString()
        reference, got = message_class("Datum").FromString(record), parse_datum(memoryview(record))
        assert (got.channels, got.height, got.width, got.label, got.encoded) == (
            *(reference.channels, reference.height, reference.width),
            *(reference.label, reference.encoded),
        )
        assert bytes(got.data) == reference.data
        np.testing.assert_array_equal(got.floats, np.array(reference.float_data, np.float32))


def test_errors_of_leveldb_name_the_database_and_not_the_folder_of_links(feed_of):
    manifest = next(Path("raw_leveldb").glob("MANIFEST*"))
    manifest.rename("raw_leveldb/MANIFEST-000099")
    refused(feed_of, "raw_leveldb is a LevelDB", source="raw_leveldb", backend="LEVELDB")
    with pytest.raises(NetError) as caught:
        feed_of(data_layer("raw_leveldb", backend="LEVELDB"))
    assert "protonet-leveldb-" not in caught.value.message
