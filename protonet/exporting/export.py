"""A net with its weights as one file of another framework's, and the proof that it is equal."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from protonet.api import with_plugins
from protonet.diagnostics import NetError
from protonet.exporting.options import ExportOptions
from protonet.exporting.packages import need_onnx
from protonet.exporting.source import Exported, from_definition, from_module, verify_free
from protonet.exporting.states import from_zeros, warn_of_states
from protonet.exporting.written import Written
from protonet.layers import Layer
from protonet.schema.load import Define, Readable, defined
from protonet.selection import Selection, Shapes

SUFFIXES = (".onnx", ".pt2", ".torchscript")


def export(
    net: nn.Module | Readable,
    path: str | os.PathLike[str],
    weights: Any = None,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    outputs: Sequence[str] | None = None,
    shapes: Shapes | None = None,
    plugins: Sequence[type[Layer] | str | os.PathLike[str]] = (),
    define: Define = None,
    **options: Any,
) -> Written:
    """Write a net as .onnx, .pt2 or .torchscript, whole or not at all, and try it.

    ``net`` is a module that protonet compiled, or a definition as ``compile`` takes it, with its
    ``weights`` and its template's ``define``. Options: ``opset``, ``batch`` (a number, or
    "dynamic" for any; by default the definition's), ``dynamic`` ("height", "width"),
    ``precision`` ("fp32", "fp16"), ``check``, ``tolerance`` and ``runtime`` ("onnxruntime",
    "opencv", "tensorrt"). NetError where a layer can't be said in the format, or the file does not
    give what the net gives; no file then.
    """
    with_plugins(plugins)
    chosen = ExportOptions.of(**options)
    suffix_of(path)
    selection = Selection.of(phase, stages, level, shapes, outputs=outputs)
    if isinstance(net, nn.Module):
        return export_net(from_module(net, chosen, selection.outputs), path, chosen)
    net = defined(net, define)
    load = None if weights is None else _loader(net, weights)
    return export_net(from_definition(net, selection, chosen, load), path, chosen)


def loaded_from(source: Readable, selection: Selection, weights: str) -> Exported:
    """A definition with its weights, in the shapes of the selection. NetError with its place."""
    return from_definition(source, selection, ExportOptions(), _loader(source, weights))


def _loader(source: Readable, weights: Any) -> Callable[[nn.Module, Selection], object]:
    """What fills a module of the source with weights: files, or {layer: [array, ...]}."""

    def load(net: nn.Module, selection: Selection) -> object:
        from protonet.api import variants
        from protonet.weights.mapping import load_weights

        return load_weights(net, weights, variants=variants(source, selection))

    return load


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The suffix that says what to write. NetError where it is none that can be exported to."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        what = f"{os.fspath(path)}: nothing is exported under the suffix {suffix!r}"
        raise NetError(what, None, f"the suffixes are {', '.join(SUFFIXES)}")
    return suffix


def export_net(exported: Exported, path: str | os.PathLike[str], options: ExportOptions) -> Written:
    """Write an exported net in the format that the path names."""
    suffix = suffix_of(path)
    _verify_folder(path)
    warn_of_states(exported.graph)
    verify_free(exported, options)
    with from_zeros(exported.module):
        if suffix == ".onnx":
            need_onnx()
            from protonet.exporting.onnx_file import export_onnx

            return export_onnx(exported, path, options)
        from protonet.exporting.torch_file import export_torch

        return export_torch(exported, path, options)


def _verify_folder(path: str | os.PathLike[str]) -> None:
    """NetError where there is no folder for the file, before there is any work."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise NetError(f"{os.fspath(path)} can't be written: there is no folder {folder}")
