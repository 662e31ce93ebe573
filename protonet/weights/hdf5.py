"""Caffe's HDF5 files: /data/LAYER/INDEX, and /diff/LAYER/INDEX for gradients."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.extras import need
from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.schema.pool import Message
from protonet.weights.caffemodel import refuse_unknown
from protonet.weights.stored import BlobLike, LazyBlob, StoredLayer, StoredNet

_MOST_BLOBS = 1000
_DEEPEST = 32
# No filter of HDF5's packs tighter: deflate's limit is 1032.
_MOST_PACKED = 1100
_SLACK = 1 << 16


def read_hdf5(path: str | os.PathLike[str]) -> StoredNet:
    """The layers of Caffe's HDF5 weights. NetError where the file is damaged or another thing.

    A blob that another layer shares is None where Caffe left it out.
    Source: Net::CopyTrainedLayersFromHDF5.
    """
    name = os.fspath(path)
    library = need("h5py", "an HDF5 file")
    try:
        file = library.File(path, "r")
        data = file.get("data")
        if not isinstance(data, library.Group):
            hint = "Caffe's .caffemodel.h5 has the group 'data' with a group for each layer"
            raise NetError(f"{name} is HDF5, but not Caffe's weights", None, hint)
        diffs = file.get("diff")
        diffs = diffs if isinstance(diffs, library.Group) else None
        layers = [
            StoredLayer(layer, "", _blobs(name, layer, group, diffs))
            for layer, group in _groups(library, data, "", {data})
        ]
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _damaged(name, error) from None
    return StoredNet(name, "hdf5", layers)


def _damaged(name: str, error: Exception) -> NetError:
    reason = " ".join(str(error).strip("'\"").split())
    return NetError(f"{name} is damaged: {reason[:200]}", None, "copy or download it again")


def _groups(library: Any, group: Any, prefix: str, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Each layer's group; a name with slashes is groups within groups."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), library.HardLink):
            continue
        inner = group[name]
        if not isinstance(inner, library.Group) or inner in seen:
            continue
        seen.add(inner)
        within = any(isinstance(inner.get(n), library.Group) for n in inner)
        if not within or _indices(inner):
            yield prefix + name, inner
        if within and prefix.count("/") < _DEEPEST:
            yield from _groups(library, inner, f"{prefix}{name}/", seen)


def _blobs(path: str, layer: str, group: Any, diffs: Any) -> list[BlobLike | None]:
    """The blobs of a layer by their index. NetError where one is no plain array of floats."""
    indices = _indices(group)
    blobs: list[BlobLike | None] = [None] * (max(indices, default=-1) + 1)
    if len(blobs) > _MOST_BLOBS:
        raise NetError(f"{path}: layer {layer!r} has a blob {len(blobs) - 1}; that is no layer")
    for index in indices:
        what = f"{path}: layer {layer!r}, blob {index}"
        diff = diffs.get(f"{layer}/{index}") if diffs is not None else None
        lazy_diff = _lazy(what, diff) if hasattr(diff, "dtype") else None
        blobs[index] = _lazy(what, group[str(index)], lazy_diff)
    return blobs


def _indices(group: Any) -> list[int]:
    return [int(n) for n in group if n.isdecimal() and hasattr(group.get(n), "dtype")]


def _lazy(what: str, dataset: Any, diff: LazyBlob | None = None) -> LazyBlob:
    """A dataset as a blob; it keeps its file open."""
    dtype, shape = dataset.dtype, dataset.shape
    if dtype.kind != "f" or shape is None:
        raise NetError(f"{what} holds {dtype}, not floats")
    file, held = dataset.file, dataset.id.get_storage_size()
    if dataset.size * dtype.itemsize > held * _MOST_PACKED + _SLACK or (dataset.size and not held):
        count = f"{dataset.size:,} elements, but only {held:,} bytes are there"
        raise NetError(f"{what} claims {count}")

    def read() -> Array:
        try:
            values: Array = dataset[()]
        except (OSError, RuntimeError) as error:
            raise _damaged(file.filename, error) from None
        return np.asarray(values)

    return LazyBlob(tuple(shape), dtype.newbyteorder("="), read, diff)


def write_hdf5(
    path: str | os.PathLike[str],
    net: Message,
    blobs: Mapping[str, Sequence[Array | None]],
    diffs: Mapping[str, Sequence[Array]] | None = None,
) -> None:
    """Write a net's weights as Caffe's HDF5, whole or not at all.

    ``net`` is a NetParameter of today's form; ``blobs`` is {layer: [array, ...]} in Caffe's order
    and shapes, ``diffs`` the same for the gradients. A parameter that layers share is written for
    the first of them only, its gradients for each. Source: Net::ToHDF5.
    """
    refuse_unknown(net, blobs)
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
