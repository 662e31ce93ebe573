"""LMDB's file as liblmdb reads it; damaged, one error where liblmdb ends the process."""

from __future__ import annotations

import random
import struct

import lmdb
import pytest

from protonet.data.lmdb_reader import LmdbReader
from protonet.diagnostics import NetError


def written(path, records, deleted=(), **options):
    with lmdb.open(str(path), map_size=1 << 28, **options) as environment:
        with environment.begin(write=True) as transaction:
            for key, value in records.items():
                transaction.put(key, value)
        with environment.begin(write=True) as transaction:
            for key in deleted:
                transaction.delete(key)


def as_liblmdb(path):
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as t:
        return list(t.cursor().iternext())


def read(path):
    reader = LmdbReader(path)
    try:
        return [(bytes(r.key), bytes(r.value)) for r in reader.take(reader.count)]
    finally:
        reader.close()


@pytest.mark.parametrize("seed", range(6))
def test_records_are_those_of_liblmdb(tmp_path, seed):
    """Trees of one to four levels, values in the leaves and in pages of their own, holes."""
    draw = random.Random(seed)
    longest = (40, 400, 3000, 30_000)[seed % 4]
    keys = {draw.randbytes(draw.randint(1, 200)) for _ in range(3 * 4**seed)}
    records = {key: draw.randbytes(draw.randint(0, longest)) for key in keys}
    written(tmp_path, records, draw.sample(sorted(keys), len(keys) // 3))
    wanted = as_liblmdb(tmp_path)
    assert read(tmp_path) == wanted
    reader = LmdbReader(tmp_path)
    for key, value in draw.sample(wanted, min(50, len(wanted))):
        assert reader.seek(key, 0)
        assert bytes(reader.take(1)[0].value) == value
    assert not reader.seek(b"\xff" * 300, 0)
    assert not reader.seek(b"", 0)
    reader.close()


def test_round_and_round_with_some_left_out(tmp_path):
    written(tmp_path, {b"%04d" % i: b"v%d" % i for i in range(1000)})
    reader = LmdbReader(tmp_path)
    taken = [r.number for _ in range(7) for r in reader.take(300, slice(1, None, 3))]
    assert taken == [n % 1000 for n in range(2100) if n % 300 % 3 == 1]
    reader.close()


def test_a_file_instead_of_a_folder(tmp_path):
    written(tmp_path / "db", {b"a": b"1"}, subdir=False)
    assert read(tmp_path / "db") == [(b"a", b"1")]


def test_several_databases_in_one_are_refused(tmp_path):
    with lmdb.open(str(tmp_path), max_dbs=2) as environment:
        environment.open_db(b"inner")
    with pytest.raises(NetError, match="under the key b'inner' stands a database"):
        read(tmp_path)


def damaged(path, at, form, value):
    data = bytearray((path / "data.mdb").read_bytes())
    struct.pack_into(form, data, at, value)
    (path / "data.mdb").write_bytes(data)
    with pytest.raises(NetError, match=r"is damaged|is cut off") as caught:
        read(path)
    assert str(path) in caught.value.message
    return caught.value.message


def test_numbers_that_lead_past_the_end(tmp_path):
    """The root's offset of a node, the size of a value on pages of its own, and their place."""
    written(tmp_path, {b"big": b"x" * 9000})
    with lmdb.open(str(tmp_path), readonly=True, lock=False) as environment:
        assert environment.stat()["leaf_pages"] == 1
    whole = (tmp_path / "data.mdb").read_bytes()
    (root,) = (at for at in range(8192, len(whole), 4096) if whole[at + 10] & 2)
    (offset,) = struct.unpack_from("<H", whole, root + 16)
    node = root + offset

    def again():
        (tmp_path / "data.mdb").write_bytes(whole)

    assert "page" in damaged(tmp_path, root + 16, "<H", 4090)
    again()
    assert "past the last page" in damaged(tmp_path, node, "<H", 0x7FFF)
    again()
    assert "past the last page" in damaged(tmp_path, node + 2, "<H", 0xFFFF)
    again()
    assert "past the last page" in damaged(tmp_path, node + 11, "<Q", 2**40)
    again()
    assert "its page" in damaged(tmp_path, node + 4, "<H", 0)
    again()
    assert "page" in damaged(tmp_path, root + 12, "<H", 0xFFFE)


@pytest.mark.parametrize("seed", range(40))
def test_pages_of_noise_end_nothing(tmp_path, seed):
    """What is read is right or refused: a value may be other bytes, no key may be."""
    draw = random.Random(seed)
    records = {b"%05d" % i: draw.randbytes(draw.choice((3, 300, 5000))) for i in range(200)}
    written(tmp_path, records)
    data = bytearray((tmp_path / "data.mdb").read_bytes())
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) - 8)
        data[at : at + draw.randint(1, 8)] = draw.randbytes(draw.randint(1, 8))
    (tmp_path / "data.mdb").write_bytes(data)
    try:
        got, message = len(read(tmp_path)), ""
    except NetError as error:
        got, message = 200, error.message
    assert got == 200
    assert not message or str(tmp_path) in message


def test_written_over_while_it_is_read(tmp_path):
    written(tmp_path, {b"%05d" % i: bytes(5000) for i in range(200)})
    reader = LmdbReader(tmp_path)
    reader.take(10)
    file = tmp_path / "data.mdb"
    with file.open("r+b") as opened:
        opened.write(random.Random(0).randbytes(file.stat().st_size))
    with pytest.raises(NetError, match=r"record 10 .* is damaged"):
        reader.take(1)
    with file.open("r+b") as opened:
        opened.truncate(8192)
    with pytest.raises(NetError, match="is cut off: 8192 bytes"):
        reader.take(1)
    reader.close()


def test_where_the_system_reads_from_no_place(tmp_path, monkeypatch):
    """As Windows, where a file is gone through to the place instead."""
    written(tmp_path, {b"%03d" % i: b"x" * (i * 20) for i in range(300)})
    wanted = as_liblmdb(tmp_path)
    monkeypatch.delattr("os.pread")
    assert read(tmp_path) == wanted
