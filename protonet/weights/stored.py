"""Weights as a file holds them: layers with blobs whose numbers are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from protonet.arrays import Array


class BlobLike(Protocol):
    """Numbers with a shape: an array, or a place in a file that becomes one under np.asarray."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __array__(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class LazyBlob:
    """A blob that a function reads, and perhaps its gradient."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Array]
    diff: BlobLike | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.read() if dtype is None else self.read().astype(dtype, copy=False)


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """A layer of a file: its name, its type ("" where the file has none), its blobs.

    A blob is None where Caffe's HDF5 leaves it out because another layer has it. ``names`` are
    those of the blobs, where the file has any.
    """

    name: str
    type: str
    blobs: Sequence[BlobLike | None]
    names: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class StoredNet:
    """All layers of a file, in its order; ``format`` is what the file is.

    ``skeleton`` is the binary NetParameter of a caffemodel without its blobs; ``lacking`` are
    layers that the file tells of, but not with all of their blobs.
    """

    path: str
    format: str
    layers: Sequence[StoredLayer]
    name: str = ""
    skeleton: bytes = field(default=b"", repr=False)
    lacking: Sequence[str] = ()


def as_layers(blobs: Any) -> list[StoredLayer]:
    """{layer: [array, ...]} as layers."""
    return [StoredLayer(name, "", [as_blob(b) for b in given]) for name, given in blobs.items()]


def as_blob(given: Any) -> BlobLike | None:
    """Anything that numpy takes as an array; a blob stays the lazy thing that it is."""
    return given if given is None or hasattr(given, "__array__") else np.asarray(given)


def as_dict(nets: Iterable[StoredNet]) -> dict[str, list[Array]]:
    """{layer: [array, ...]} of several files; a later layer takes the place of an earlier one."""
    last: dict[str, StoredLayer] = {}
    for net in nets:
        for layer in net.layers:
            if layer.blobs or layer.name not in last:
                last[layer.name] = layer
    return {
        name: [None if b is None else np.asarray(b) for b in layer.blobs]  # type: ignore[misc]
        for name, layer in last.items()
    }
