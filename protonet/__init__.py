"""Compile Caffe network definitions into PyTorch that a person would have written."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from protonet.runtime.picture import drawn_by
from protonet.schema.named import named_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protonet.api import compile, emit
    from protonet.checking import check
    from protonet.data.batches import batches
    from protonet.diagnostics import NetError, NetErrors, Source, Span
    from protonet.drawing import Drawing, draw
    from protonet.exporting.export import export
    from protonet.lifting.lift import to_caffe
    from protonet.optimizing.optimize import optimize
    from protonet.training.session import train
    from protonet.weights.mapping import dump_blobs, load_blobs, load_weights
    from protonet.weights.mean import read_mean
    from protonet.weights.read import read_blobs
    from protonet.weights.save import save

__version__ = "0.1.0"
__all__ = [
    "Drawing",
    "NetError",
    "NetErrors",
    "Source",
    "Span",
    "batches",
    "check",
    "compile",
    "draw",
    "dump_blobs",
    "emit",
    "export",
    "load_blobs",
    "load_weights",
    "optimize",
    "read_blobs",
    "read_mean",
    "save",
    "to_caffe",
    "train",
]

_HOMES = {
    **dict.fromkeys(("compile", "emit"), "protonet.api"),
    "check": "protonet.checking",
    "batches": "protonet.data.batches",
    **dict.fromkeys(("NetError", "NetErrors", "Source", "Span"), "protonet.diagnostics"),
    **dict.fromkeys(("Drawing", "draw"), "protonet.drawing"),
    **dict.fromkeys(("dump_blobs", "load_blobs", "load_weights"), "protonet.weights.mapping"),
    "export": "protonet.exporting.export",
    "optimize": "protonet.optimizing.optimize",
    "read_blobs": "protonet.weights.read",
    "read_mean": "protonet.weights.mean",
    "save": "protonet.weights.save",
    "to_caffe": "protonet.lifting.lift",
    "train": "protonet.training.session",
}


def _picture(definition: bytes) -> str | None:
    from protonet.drawing.notebook import svg

    return svg(definition)


def _lookup(name: str, kind: str) -> str | Source | None:
    from protonet.zoo.catalogue import lookup

    return lookup(name, kind)


def _names() -> Sequence[str]:
    from protonet.zoo.catalogue import names

    return names()


drawn_by(_picture)
named_by(_lookup, _names)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``protonet check`` never pays for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'protonet' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, which are not imported yet, and nothing of how they are found."""
    return [*__all__, "__version__"]
