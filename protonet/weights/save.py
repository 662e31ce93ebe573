"""The weights of a compiled net into a file, of the kind that its name says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.given import flag_given, path_given
from protonet.preparation import Preparation
from protonet.schema.strings import parsed
from protonet.weights.caffemodel import write_caffemodel
from protonet.weights.hdf5 import write_hdf5
from protonet.weights.match import Match
from protonet.weights.statistics import KEY, packed
from protonet.weights.stored import StoredLayer, StoredNet
from protonet.weights.told import told

if TYPE_CHECKING:
    from torch import nn

WRITERS: dict[str, Any] = {".caffemodel": write_caffemodel, ".h5": write_hdf5}
SUFFIXES = (*WRITERS, ".safetensors")


_STATE = "torch.save(protonet.compile(NET, weights=WEIGHTS).state_dict(), FILE) writes it, or take "
# What is no file of weights alone, or another's own: who writes it.
ELSEWHERE = {
    **dict.fromkeys((".pt", ".pth", ".bin"), f"{_STATE}.safetensors"),
    **dict.fromkeys(
        (".onnx", ".pt2", ".torchscript"),
        "`protonet export NET --weights WEIGHTS -o FILE` writes it",
    ),
    ".py": "`protonet compile NET -o FILE` writes it",
    ".prototxt": "`protonet upgrade WEIGHTS -o FILE` writes the definition in a .caffemodel",
}


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The suffix that says what to write. NetError where it is none that can be written."""
    suffix = Path(path).suffix.lower()
    suffix = ".h5" if suffix == ".hdf5" else suffix
    if suffix not in SUFFIXES:
        what = f"{os.fspath(path)}: no weights are written under the suffix {suffix!r}"
        raise NetError(what, None, ELSEWHERE.get(suffix, f"the suffixes are {', '.join(SUFFIXES)}"))
    return suffix


def save(net: nn.Module, path: str | os.PathLike[str], diff: bool = False) -> None:
    """Write the weights of a net that protonet compiled, whole or not at all.

    The suffix says how: ``.caffemodel`` and ``.h5`` as Caffe writes and loads them, with
    ``diff`` the gradients as well; ``.safetensors`` as ``load_model`` of safetensors takes them.
    NetError where the net is another module or the suffix is none of these.
    """
    from protonet.weights.mapping import dump_blobs

    path = path_given(path, "the file to save", 'save(net, "net.caffemodel")')
    diff = flag_given(diff, "diff")
    suffix = suffix_of(path)
    if suffix == ".safetensors":
        save_state(net, path)
        return
    blobs = dump_blobs(net)
    definition, encoding = parsed("NetParameter", getattr(type(net), "protonet_net", b""))
    diffs = dump_blobs(net, diff=True) if diff else None
    WRITERS[suffix](path, definition, blobs, diffs, encoding=encoding)


def load_exactly(net: nn.Module, stored: Sequence[StoredNet], strict: bool = False) -> Match:
    """Load files into a net, which becomes one of double precision where they have doubles."""
    from protonet.weights.mapping import load_stored

    blobs = [blob for file in stored for layer in file.layers for blob in layer.blobs]
    if any(blob is not None and blob.dtype == np.float64 for blob in blobs):
        net.double()
    return load_stored(net, stored, strict)


def save_state(
    net: nn.Module,
    path: str | os.PathLike[str],
    layers: Iterable[StoredLayer] = (),
    preparation: Preparation | None = None,
) -> None:
    """Write a module's state as safetensors, whole or not at all.

    ``layers`` are those that were loaded: statistics of theirs that were divided on the way are
    kept beside, so that they can come back as they were. Where Caffe's blobs are is told there,
    too, and the net itself: the way back needs no prototxt. So is how images are prepared.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_model

    kept = packed(layers, getattr(type(net), "protonet_blobs", {}))
    metadata = told(net, preparation) | ({KEY: kept} if kept else {})
    with replacing(path) as temporary:
        try:
            save_model(net, str(temporary), metadata=metadata or None)
        except SafetensorError as error:  # an OSError of its own, with the number in its text
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path)) from None
