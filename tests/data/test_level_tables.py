"""Tables of a LevelDB that state blocks which are not there, of which a process may end."""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path

import plyvel
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from binary_damage import masked, with_table_sums

from protonet.data.databases import open_reader
from protonet.data.level_tables import check_table
from protonet.diagnostics import NetError

RECORDS = {b"%05d" % i: b"value %d " % (i % 7) * 20 for i in range(3000)}


def written(path, **options):
    with plyvel.DB(str(path), create_if_missing=True, block_size=256, **options) as database:
        for key, value in RECORDS.items():
            database.put(key, value)
        database.compact_range()
    (table,) = path.glob("*.ldb")
    return table


def read(path):
    reader = open_reader(path, "leveldb")
    try:
        return {bytes(r.key): bytes(r.value) for r in reader.take(len(RECORDS))}
    finally:
        reader.close()


@pytest.mark.parametrize("compression", ["snappy", None])
def test_whole_tables_are_fine(tmp_path, compression):
    """Hundreds of blocks, so that the index itself is packed in every way that snappy has."""
    table = written(tmp_path / "db", compression=compression)
    check_table(table)
    assert read(tmp_path / "db") == RECORDS


def varint(value):
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(made) + bytes([value])


@pytest.mark.parametrize("size", [10**6, 2**31, 2**40, 2**63])
def test_an_index_that_states_giants_is_refused(tmp_path, size):
    """Its checksum is right; LevelDB would ask for that memory and, without it, end the process."""
    table = written(tmp_path / "db")
    data = bytearray(table.read_bytes())
    key, handle = b"99999" + bytes(8), varint(0) + varint(size)
    entry = bytes([0, len(key), len(handle)]) + key + handle
    block = entry + struct.pack("<II", 0, 1)
    start = 100
    data[start : start + len(block) + 1] = block + b"\0"
    footer = varint(0) + varint(8) + varint(start) + varint(len(block))
    data[-48:-8] = footer + bytes(40 - len(footer))
    table.write_bytes(with_table_sums(bytes(data)))
    with pytest.raises(NetError, match=rf"a block of {size:,} bytes would stand at byte 0"):
        read(tmp_path / "db")


@pytest.mark.parametrize("size", [10**6, 2**31, 2**32 - 1])
def test_a_block_of_records_that_states_a_giant_is_refused(tmp_path, size):
    """It is packed, and its checksum right: LevelDB takes the memory before it unpacks it."""
    table = written(tmp_path / "db")
    data = bytearray(table.read_bytes())
    block = varint(size) + bytes(20)
    start = 0
    data[start : start + len(block) + 1] = block + b"\1"
    checksum = masked(bytes(data[start : start + len(block) + 1]))
    data[start + len(block) + 1 : start + len(block) + 5] = struct.pack("<I", checksum)
    key, handle = b"99999" + bytes(8), varint(start) + varint(len(block))
    index = bytes([0, len(key), len(handle)]) + key + handle + struct.pack("<II", 0, 1)
    at = 200
    data[at : at + len(index) + 1] = index + b"\0"
    footer = varint(start) + varint(8) + varint(at) + varint(len(index))
    data[-48:-8] = footer + bytes(40 - len(footer))
    table.write_bytes(with_table_sums(bytes(data)))
    with pytest.raises(NetError, match=rf"the block at byte 0 would have {size:,} bytes"):
        read(tmp_path / "db")
    check_table(table, packed=False)


@pytest.mark.parametrize("seed", range(30))
def test_ends_and_indices_of_noise(tmp_path, seed):
    draw = random.Random(seed)
    table = written(tmp_path / "db")
    data = bytearray(table.read_bytes())
    for _ in range(draw.randint(1, 3)):
        data[-draw.randint(9, 4000)] = draw.randrange(256)
    table.write_bytes(with_table_sums(bytes(data)))
    try:
        assert read(tmp_path / "db")
        message = str(tmp_path)
    except NetError as error:
        message = error.message
    assert str(tmp_path) in message
