"""Mean files: Caffe's .binaryproto, or a .npy as pycaffe's users have them."""

from __future__ import annotations

import math
import os
from io import BytesIO

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.given import path_given
from protonet.reading import reading
from protonet.schema.blobs import Content, open_content, read_binaryproto, write_binaryproto
from protonet.schema.sniff import kind_of

_LONGEST_HEAD = 1 << 16
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
        return _array(content)


def _array(content: Content) -> Array:
    """The array of a .npy file. ValueError where it is none, NetError where it has no numbers.

    Not np.load, which takes memory for what is claimed, or maps a file that may be cut off.
    """
    size, form = len(content.view), np.lib.format
    head = BytesIO(content.view[:_LONGEST_HEAD])
    readers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    version = form.read_magic(head)
    if version not in readers:
        raise ValueError(f"its version is {version[0]}.{version[1]}")
    shape, by_column, dtype = readers[version](head)
    if dtype.kind not in "fiu":
        raise NetError(f"{content.name} holds {dtype}, no numbers")
    count, start = math.prod(shape), head.tell()
    if count * dtype.itemsize > size - start:
        raise ValueError(f"it claims {count:,} elements, but only {size - start:,} bytes are there")
    flat = np.empty(count, dtype)
    content.copy(start, flat.view(np.uint8))
    return flat.reshape(shape, order="F" if by_column else "C")


def write_mean(path: str | os.PathLike[str], mean: Array) -> None:
    """Write a mean as .npy where the path says so, else as .binaryproto; whole or not at all."""
    if os.fspath(path).lower().endswith(".npy"):
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, mean, allow_pickle=False)
        return
    write_binaryproto(path, mean)
