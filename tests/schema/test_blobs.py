"""Blobs on the wire against google.protobuf, which writes and reads them in its own way."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protonet import NetError
from protonet.schema.blobs import (
    Content,
    blob_bytes,
    from_blob,
    read_binaryproto,
    stored_blob,
    to_blob,
    write_binaryproto,
)
from protonet.schema.pool import message, message_class
from protonet.schema.wire import WireError, fields, to_varint, varint

SHAPES = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
FLOATS = st.sampled_from([np.float32, np.float64])
BLOBS = FLOATS.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES))


def official(fields_of_blob):
    """A BlobProto class of google.protobuf with other declarations of some fields."""
    file = descriptor_pb2.FileDescriptorProto(name="other.proto", package="other")
    shape = file.message_type.add(name="BlobShape")
    shape.field.add(name="dim", number=1, label=3, type=3)
    blob = file.message_type.add(name="BlobProto")
    blob.field.add(name="shape", number=7, label=1, type=11, type_name=".other.BlobShape")
    file.message_type.add(name="Empty")
    for name, number, label, kind in fields_of_blob:
        blob.field.add(name=name, number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    kind = "other.BlobProto" if fields_of_blob else "other.Empty"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(kind))


UNPACKED = official([("data", 5, 3, 2), ("diff", 6, 3, 2), ("double_data", 8, 3, 1)])
NVIDIA = official(
    [
        ("raw_data_type", 10, 1, 5),
        ("raw_diff_type", 11, 1, 5),
        ("raw_data", 12, 1, 12),
        ("raw_diff", 13, 1, 12),
    ]
)
EMPTY = official([])


def parsed(data):
    return stored_blob(Content("", data))


def same(a, b):
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert a.tobytes() == b.tobytes()


@given(BLOBS, st.booleans())
def test_what_protobuf_reads_is_what_was_written(data, with_diff):
    blob = message_class("BlobProto").FromString(
        b"".join(blob_bytes(data, -data if with_diff else None))
    )
    is_double = data.dtype == np.float64 and data.size
    assert tuple(blob.shape.dim) == data.shape
    assert blob.HasField("shape")
    values = blob.double_data if is_double else blob.data
    same(np.array(values, data.dtype), data.reshape(-1))
    diffs = blob.double_diff if is_double else blob.diff
    same(np.array(diffs, data.dtype), -data.reshape(-1) if with_diff else np.empty(0, data.dtype))
    made = to_blob(data, -data if with_diff else None)
    # As bytes: to some versions of protobuf no NaN equals another.
    assert blob.SerializeToString(deterministic=True) == made.SerializeToString(deterministic=True)


@given(BLOBS, st.booleans())
def test_what_protobuf_wrote_is_what_is_read(data, with_diff):
    blob = message("BlobProto")
    blob.shape.dim.extend(data.shape)
    kind = "double_" if data.dtype == np.float64 else ""
    getattr(blob, f"{kind}data").extend(data.reshape(-1).tolist())
    if with_diff:
        getattr(blob, f"{kind}diff").extend((-data).reshape(-1).tolist())
    stored = parsed(blob.SerializeToString())
    assert stored.shape == data.shape
    same(stored.read(), data if data.size else data.astype(np.float32))
    assert (stored.diff is not None) == bool(with_diff and data.size)
    if stored.diff is not None:
        same(stored.diff.read(), -data)
    same(from_blob(blob).read(), stored.read())


@pytest.mark.parametrize("count", [1, 63, 64, 65, 66, 320, 321, 5000])
@pytest.mark.parametrize("field", ["data", "double_data"])
def test_numbers_that_are_not_packed(count, field):
    data = np.random.default_rng(count).normal(size=count)
    data = data.astype(np.float32 if field == "data" else np.float64)
    blob = UNPACKED(**{field: data.tolist()})
    blob.shape.dim.append(count)
    if field == "data":
        blob.diff.extend((-data).tolist())
    stored = parsed(blob.SerializeToString())
    same(stored.read(), data)
    if field == "data":
        same(stored.diff.read(), -data)


def test_numbers_in_several_pieces_as_protobuf_joins_them():
    whole = message("BlobProto")
    whole.shape.dim.append(6)
    pieces = b""
    for part in ([1.0, 2.0], [3.0], [4.0, 5.0, 6.0]):
        whole.data.extend(part)
        pieces += message_class("BlobProto")(data=part).SerializeToString()
    pieces += message_class("BlobProto")(shape={"dim": [2]}).SerializeToString()
    pieces += message_class("BlobProto")(shape={"dim": [3]}).SerializeToString()
    joined = message_class("BlobProto").FromString(pieces)
    assert list(joined.data) == list(whole.data)
    assert list(joined.shape.dim) == [2, 3]
    same(parsed(pieces).read(), np.arange(1, 7, dtype=np.float32).reshape(2, 3))


@pytest.mark.parametrize("dtype, number", [("<f8", 0), ("<f4", 1), ("<f2", 2)])
def test_nvidias_raw_numbers(dtype, number):
    data = np.random.default_rng(1).normal(size=(3, 4)).astype(dtype)
    blob = NVIDIA(raw_data_type=number, raw_data=data.tobytes())
    blob.shape.dim.extend([3, 4])
    blob.raw_diff_type, blob.raw_diff = number, (-data).tobytes()
    stored = parsed(blob.SerializeToString())
    same(stored.read(), data)
    same(stored.diff.read(), -data)
    blob.raw_data_type = 3
    with pytest.raises(WireError, match="type 3, which is no float"):
        parsed(blob.SerializeToString())


def test_half_precision_is_written_as_the_single_that_every_caffe_reads():
    half = np.array([0.1, -2.5, 65504, np.inf], np.float16)
    same(from_blob(to_blob(half)).read(), half.astype(np.float32))


def test_legacy_shapes_go_first_as_in_caffe():
    blob = message_class("BlobProto")(num=1, channels=2, height=1, width=3, data=range(6))
    assert from_blob(blob).shape == (1, 2, 1, 3)
    blob.shape.dim.extend([6])
    assert from_blob(blob).shape == (1, 2, 1, 3)


@pytest.mark.parametrize(
    "blob, problem",
    [
        ({"shape": {"dim": [2, 3]}, "data": [1.0] * 5}, "2x3 has 6 elements, but 5 are there"),
        ({"shape": {"dim": [2, 3]}}, "2x3 stands without data"),
        ({"data": [1.0, 2.0]}, "of a scalar has 1 elements, but 2 are there"),
        ({"num": 2, "channels": 3, "data": [1.0]}, "2x3x0x0 has 0 elements, but 1 are there"),
        ({"shape": {"dim": [-1]}, "data": [1.0]}, "the shape -1 is not that of a blob"),
        ({"shape": {"dim": [2**62, 4]}, "data": [1.0]}, "is not that of a blob"),
        ({"shape": {"dim": [0, 2**40, 2**40]}}, "is not that of a blob"),
        ({"shape": {"dim": [1] * 33}, "data": [1.0]}, "more than 32 axes"),
        ({"shape": {"dim": [2]}, "data": [1.0] * 2, "diff": [1.0]}, "2 has 2 elements, but 1"),
    ],
)
def test_what_disagrees_is_refused(blob, problem, tmp_path):
    path = tmp_path / "x.binaryproto"
    path.write_bytes(message_class("BlobProto")(**blob).SerializeToString())
    with pytest.raises(NetError, match=problem) as caught:
        read_binaryproto(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "data, problem",
    [
        (b"", "of a scalar stands without data"),
        (b"\x2a\xff\xff\xff\xff\x07" + bytes(90), "claims 2,147,483,647 bytes where 90 are left"),
        (b"\x2a\x05" + bytes(5), "5 bytes of 4-byte numbers"),
        (b"\x0a\x01a", "field 1 is not that of a blob"),
        (b"\xff" * 20, "a number has no end"),
        (b"\x0f", "no field begins with the byte 0x0f"),
        (b"\x00\x01", "no field begins with the byte 0x00"),
        (b"\x08", "cut off"),
    ],
)
def test_damage_is_refused_at_its_byte(data, problem, tmp_path):
    path = tmp_path / "x.binaryproto"
    path.write_bytes(data)
    with pytest.raises(NetError, match=problem):
        read_binaryproto(path)


def test_mean_files(tmp_path):
    mean = np.random.default_rng(0).normal(size=(1, 3, 4, 5)).astype(np.float32)
    write_binaryproto(tmp_path / "mean.binaryproto", mean)
    blob = message_class("BlobProto").FromString((tmp_path / "mean.binaryproto").read_bytes())
    same(np.array(blob.data, np.float32), mean.reshape(-1))
    same(read_binaryproto(tmp_path / "mean.binaryproto"), mean)
    with pytest.raises(NetError, match="can't be read: no such file"):
        read_binaryproto(tmp_path / "none.binaryproto")
    with pytest.raises(NetError, match="can't be read: is a directory"):
        read_binaryproto(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe of POSIX")
def test_a_pipe_is_read_too(tmp_path):
    pipe, mean = tmp_path / "pipe", np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_binaryproto, args=(pipe, mean))
    writer.start()
    same(read_binaryproto(pipe), mean)
    writer.join()


@given(st.integers(0, 2**64 - 1))
def test_varints(value):
    written = to_varint(value)
    assert varint(written, 0, len(written)) == (value, len(written))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_refused(data):
    try:
        found = list(fields(data))
    except WireError:
        return
    assert all(f.start <= f.stop <= len(data) for f in found)
    EMPTY.FromString(data)
