"""Damaged files of every kind are one clear error, at once, or read as what they still are."""

from __future__ import annotations

import os
import random
import time
import tracemalloc

import numpy as np
import pytest
import torch
from files import NET, random_blobs

import protonet
from protonet import NetError
from protonet.schema.blobs import open_content, stored_blob
from protonet.schema.wire import to_varint as varint
from protonet.weights.mean import read_mean, write_mean
from protonet.weights.read import open_any

KINDS = ("net.safetensors", "net.pt", "old.pt", "net.caffemodel", "mean.npy", "mean.binaryproto")


@pytest.fixture(scope="module")
def net():
    return protonet.compile(NET, weights=random_blobs())


def written(net, path):
    if path.stem == "mean":
        write_mean(path, np.ones((1, 3, 4, 5), np.float32))
    elif path.suffix == ".pt":
        torch.save(net.state_dict(), path, _use_new_zipfile_serialization=path.stem != "old")
    else:
        protonet.save(net, path)
    return path.read_bytes()


def refusal(net, path):
    try:
        read_mean(path) if path.stem == "mean" else protonet.load_weights(net, path)
    except NetError as error:
        return error
    return None


@pytest.mark.parametrize("name", KINDS)
def test_flipped_bytes_and_cuts(net, tmp_path, name):
    """Of every kind whose reader is safe to try: HDF5's C library is tried on cuts alone."""
    draw, path = random.Random(1), tmp_path / name
    whole, refused, begin = written(net, path), 0, time.perf_counter()
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(min(len(data), 2000))] = draw.randrange(256)
        path.write_bytes(data[: draw.randrange(len(data))] if draw.random() < 0.4 else data)
        error = refusal(net, path)
        refused += error is not None
        assert error is None or str(path) in error.message
    assert refused > 20
    assert time.perf_counter() - begin < 60


def test_a_huge_npy_is_only_claimed(tmp_path):
    with (tmp_path / "b.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**20, 2**20)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(NetError, match=r"b\.npy is damaged"):
        read_mean(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(NetError, match=r"c\.npy holds object, no numbers"):
        read_mean(tmp_path / "c.npy")


def test_means_of_both_kinds(tmp_path):
    mean = np.random.default_rng(0).normal(size=(3, 4, 5))
    write_mean(tmp_path / "a.npy", mean)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), mean)
    np.testing.assert_array_equal(read_mean(tmp_path / "a.npy"), mean)
    write_mean(tmp_path / "a.binaryproto", mean)
    np.testing.assert_array_equal(read_mean(tmp_path / "a.binaryproto"), mean)


def blobs_of(opened):
    if hasattr(opened, "tensors"):
        return list(opened.tensors.values())
    return [blob for layer in opened.layers for blob in layer.blobs]


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt", "old.pt", "net.caffemodel"])
def test_files_that_are_cut_off_while_they_are_read(net, tmp_path, name):
    """Mapped they would end the process: as a download that begins anew under the same name."""
    path = tmp_path / name
    written(net, path)
    opened = open_any(path)
    os.truncate(path, 100)
    refused = 0
    for blob in blobs_of(opened):
        try:
            np.asarray(blob)
        except NetError as error:
            refused += f"{name} has become shorter while it was read" in error.message
    assert refused > 1


@pytest.mark.parametrize("packed", [True, False])
def test_a_blob_that_is_cut_off_between_two_looks(tmp_path, packed):
    """Its numbers together, or each behind a tag of its own as the first Caffes wrote them."""
    numbers = np.arange(300_000, dtype="<f4")
    data = b"\x2a" + varint(numbers.nbytes) + numbers.tobytes()
    if not packed:
        data = b"".join(b"\x2d" + number.tobytes() for number in numbers)
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(b"\x08\x01\x10\x01\x18\x01\x20" + varint(len(numbers)) + data)
    assert np.array_equal(read_mean(path).reshape(-1), numbers)
    content = open_content(path)
    blob = stored_blob(content)
    os.truncate(path, 4096)
    with pytest.raises(NetError, match="has become shorter"):
        blob.read()
    with pytest.raises(NetError, match="has become shorter"):
        stored_blob(content).read()


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2", "|u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_is_read_as_numpy_reads_it(tmp_path, dtype, order):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype, order=order)
    for given in (array, array[:0], array[0, 0, 0]):
        np.save(tmp_path / "a.npy", given)
        read = read_mean(tmp_path / "a.npy")
        assert (read.dtype, read.shape) == (given.dtype, given.shape)
        assert np.array_equal(read, given)


def test_an_old_pt_that_claims_a_giant_takes_no_memory_for_it(net, tmp_path):
    """Python's reader takes what it is asked for at once; found by fuzzing under a limit."""
    path = tmp_path / "old.pt"
    data = bytearray(written(net, path))
    at = data.index(b"X")  # a text of 4 bytes of length, as the first of them is
    data[at + 1 : at + 5] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    tracemalloc.start()
    assert "old.pt" in refusal(net, path).message
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
