"""Mean files: Caffe's .binaryproto, or a .npy as pycaffe's users have them."""

from __future__ import annotations

import os

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.given import path_given
from protonet.reading import reading
from protonet.schema.blobs import open_content, read_binaryproto, write_binaryproto
from protonet.schema.sniff import kind_of

SUFFIXES = (".npy", ".binaryproto")


def read_mean(path: str | os.PathLike[str]) -> Array:
    """The array of a mean file, told by its content, in the shape and type that it has there.

    Caffe's is (1, c, h, w) in single precision. NetError where it can't be read.
    """
    path = path_given(path, "a mean file", 'read_mean("mean.binaryproto")')
    content = open_content(path)
    if kind_of(bytes(content.view[:64])) != "npy":
        return read_binaryproto(path)
    with reading(content.name):
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.dtype.kind not in "fiu":
            raise NetError(f"{content.name} holds {mapped.dtype}, no numbers")
        return np.array(mapped)


def write_mean(path: str | os.PathLike[str], mean: Array) -> None:
    """Write a mean as .npy where the path says so, else as .binaryproto; whole or not at all."""
    if os.fspath(path).lower().endswith(".npy"):
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, mean, allow_pickle=False)
        return
    write_binaryproto(path, mean)
