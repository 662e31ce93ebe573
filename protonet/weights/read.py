"""Any file with weights, whatever its name: its layers, told by its content."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.schema.blobs import open_content
from protonet.schema.sniff import kind_of
from protonet.weights.caffemodel import read_caffemodel
from protonet.weights.hdf5 import read_hdf5
from protonet.weights.stored import StoredNet, as_dict

if TYPE_CHECKING:
    from protonet.weights.state import State, Variant

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Variants = Callable[[], Sequence["Variant"]]


def split_paths(paths: Paths) -> list[str]:
    """A path, several with commas between them as Caffe's --weights has them, or a list.

    NetError where a text names none, as of a variable that is not set, or something is no path.
    """
    if not isinstance(paths, str | os.PathLike):
        several = isinstance(paths, Iterable) and not isinstance(paths, bytes | Mapping)
        items: Iterable[Any] = paths if several else [paths]
        return [_path(item) for item in items]
    whole = os.fspath(paths)
    if not whole.strip(" ,"):
        raise NetError(f"the weights {whole!r} name no file")
    if "," not in whole or Path(whole).exists():
        return [whole]
    return [part.strip() for part in whole.split(",") if part.strip()]


def _path(given: Any) -> str:
    if not isinstance(given, str | os.PathLike):
        what = f"weights are named by a path, not by {reprlib.repr(given)}"
        hint = 'give weights="net.caffemodel", or {layer: [array, ...]} where a net takes them'
        raise NetError(what, None, hint)
    return os.fspath(given)


def read_blobs(paths: Paths) -> dict[str, list[Array]]:
    """The weights of a .caffemodel or of Caffe's HDF5, {layer: [array, ...]}, as they are there.

    Of V2, V1 or V0, in the shapes and the precision that the file has; legacy blobs have four
    axes. A blob is None where HDF5 leaves it out as another layer's. Several files are read one
    after the other. NetError where one can't be read, says nothing of layers, or is damaged.
    """
    return as_dict(open_weights(path) for path in split_paths(paths))


def open_weights(path: str | os.PathLike[str], variants: Variants | None = None) -> StoredNet:
    """The layers of one file; their numbers are read when they are asked for.

    A .caffemodel of any age, Caffe's HDF5, or a module's state in .safetensors or .pt. The
    names in a state are those of a module: ``variants`` are the forms in which the net may have
    been compiled. NetError where the file can't be read, or is a state that does not tell its
    layers, and no net is given.
    """
    opened = open_any(path)
    if isinstance(opened, StoredNet):
        return opened
    from protonet.weights.state import as_layers_of, as_told

    alone = as_told(opened) if variants is None else None
    if alone is not None:
        return alone
    if variants is None:
        what = f"{opened.path} holds a module's state; only with the net its layers are known"
        raise NetError(what, None, "compile(net, weights=...) takes it; a command takes --prototxt")
    return as_layers_of(opened, variants())


def open_any(path: str | os.PathLike[str]) -> StoredNet | State:
    """The layers of a file of Caffe's, the tensors of one of PyTorch's."""
    content = open_content(path)
    kind = kind_of(bytes(content.view[:64]))
    if kind == "hdf5":
        return read_hdf5(path)
    if kind == "npy":
        raise NetError(f"{content.name} is one array (.npy), not the weights of a net")
    if kind in ("zip", "pickle"):
        from protonet.weights.state import read_pt

        return read_pt(path)
    if kind == "safetensors":
        from protonet.weights.state import read_safetensors

        return read_safetensors(path)
    return read_caffemodel(content)
