"""Caffe's HDF5 files: /data/LAYER/INDEX, and /diff/LAYER/INDEX for gradients."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.extras import need
from protonet.data.hdf5_file import Hdf5, open_hdf5
from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.reading import reading
from protonet.schema.pool import Message
from protonet.schema.strings import UTF_8
from protonet.weights.caffemodel import refuse_unknown
from protonet.weights.stored import BlobLike, LazyBlob, StoredLayer, StoredNet

_MOST_BLOBS = 1000
_LONGEST_INDEX = 9
_DEEPEST = 32


def read_hdf5(path: str | os.PathLike[str]) -> StoredNet:
    """The layers of Caffe's HDF5 weights. NetError where the file is damaged or another thing.

    A blob that another layer shares is None where Caffe left it out.
    Source: Net::CopyTrainedLayersFromHDF5.
    """
    file = open_hdf5(path, "an HDF5 file")
    data, diffs = file.find(file.root, "data"), file.find(file.root, "diff")
    if not file.is_group(data):
        hint = "Caffe's .caffemodel.h5 has the group 'data' with a group for each layer"
        raise NetError(f"{file.path} is HDF5, but not Caffe's weights", None, hint)
    diffs = diffs if file.is_group(diffs) else None
    with reading(file.path):
        layers = [
            StoredLayer(layer, "", _blobs(file, layer, group, diffs))
            for layer, group in _groups(file, data, "", {data})
        ]
    return StoredNet(file.path, "hdf5", layers)


def _groups(file: Hdf5, group: Any, prefix: str, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Each layer's group; a name with slashes is groups within groups."""
    for name in file.names(group):
        inner = file.held(group, name)
        if not file.is_group(inner) or inner in seen:
            continue
        seen.add(inner)
        within = any(file.is_group(file.held(inner, n)) for n in file.names(inner))
        if not within or _indices(file, inner):
            yield prefix + name, inner
        if within and prefix.count("/") < _DEEPEST:
            yield from _groups(file, inner, f"{prefix}{name}/", seen)


def _blobs(file: Hdf5, layer: str, group: Any, diffs: Any) -> list[BlobLike | None]:
    """The blobs of a layer by their index. NetError where one is no plain array of floats."""
    indices = _indices(file, group)
    blobs: list[BlobLike | None] = [None] * (max(indices, default=-1) + 1)
    if len(blobs) > _MOST_BLOBS:
        what = f"layer {layer!r} has a blob {len(blobs) - 1}; that is no layer"
        raise NetError(f"{file.path}: {what}")
    for index in indices:
        what = f"layer {layer!r}, blob {index}"
        diff = file.find(diffs, f"{layer}/{index}") if diffs is not None else None
        lazy_diff = _lazy(file, f"the gradient of {what}", diff) if file.is_array(diff) else None
        blobs[index] = _lazy(file, what, group[str(index)], lazy_diff)
    return blobs


def _indices(file: Hdf5, group: Any) -> list[int]:
    names = [n for n in file.names(group) if n.isascii() and n.isdecimal()]
    own = [n for n in names if str(int(n[:_LONGEST_INDEX])) == n]
    return [int(n) for n in own if file.is_array(file.held(group, n))]


def _lazy(file: Hdf5, what: str, dataset: Any, diff: LazyBlob | None = None) -> LazyBlob:
    """A dataset as a blob; it keeps its file open."""
    file.check(what, dataset, "f")
    shape, dtype = tuple(dataset.shape), dataset.dtype.newbyteorder("=")
    return LazyBlob(shape, dtype, partial(file.read, what, dataset, "f"), diff)


def write_hdf5(
    path: str | os.PathLike[str],
    net: Message,
    blobs: Mapping[str, Sequence[Array | None]],
    diffs: Mapping[str, Sequence[Array]] | None = None,
    encoding: str = UTF_8,
) -> None:
    """Write a net's weights as Caffe's HDF5, whole or not at all.

    ``net`` is a NetParameter of today's form; ``blobs`` is {layer: [array, ...]} in Caffe's order
    and shapes, ``diffs`` the same for the gradients. A parameter that layers share is written for
    the first of them only, its gradients for each. Source: Net::ToHDF5.
    """
    refuse_unknown(net, blobs)
    if encoding != UTF_8 and not all(name.isascii() for name in blobs):
        what = f"{os.fspath(path)}: the layers' names are not in UTF-8, as HDF5 has them"
        raise NetError(what, None, "write a .caffemodel, which keeps their bytes")
    library = need("h5py", "an HDF5 file")
    shared = _shared(net)
    memory = BytesIO()  # where the disk is full, HDF5 ends the process while it closes its file
    with library.File(memory, "w") as file, _names_checked():
        _write_group(file.create_group("data"), net, blobs, shared)
        if diffs is not None:
            _write_group(file.create_group("diff"), net, diffs, None)
    write_whole(path, memory.getbuffer())


@contextmanager
def _names_checked() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        what = f"the layers' names don't fit into HDF5: {error}"
        raise NetError(what, None, "write a .caffemodel") from None


def _shared(net: Message) -> set[tuple[str, int]]:
    """The blobs that belong to an earlier layer, by ``param { name }``. Net::AppendParam."""
    seen: set[str] = set()
    found = set()
    for layer in net.layer:
        for index, spec in enumerate(layer.param):
            if spec.name in seen:
                found.add((layer.name, index))
            elif spec.name:
                seen.add(spec.name)
    return found


def _write_group(
    group: Any,
    net: Message,
    blobs: Mapping[str, Sequence[Array | None]],
    shared: set[tuple[str, int]] | None,
) -> None:
    for name in dict.fromkeys(layer.name for layer in net.layer):
        layer = group.require_group(name)
        for index, blob in enumerate(blobs.get(name, ())):
            if blob is None or (shared and (name, index) in shared):
                continue
            values = np.asarray(blob)
            dtype = "<f8" if values.dtype == np.float64 else "<f4"
            layer.create_dataset(str(index), data=values.astype(dtype, copy=False))
