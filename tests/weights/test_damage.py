"""Damaged files of every kind are one clear error, at once, or read as what they still are."""

from __future__ import annotations

import random
import time
import tracemalloc

import numpy as np
import pytest
import torch
from files import NET, random_blobs

import protonet
from protonet import NetError
from protonet.weights.mean import read_mean, write_mean

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
    with pytest.raises(NetError, match=r"c\.npy is damaged"):
        read_mean(tmp_path / "c.npy")


def test_means_of_both_kinds(tmp_path):
    mean = np.random.default_rng(0).normal(size=(3, 4, 5))
    write_mean(tmp_path / "a.npy", mean)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), mean)
    np.testing.assert_array_equal(read_mean(tmp_path / "a.npy"), mean)
    write_mean(tmp_path / "a.binaryproto", mean)
    np.testing.assert_array_equal(read_mean(tmp_path / "a.binaryproto"), mean)


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
