"""A net as an ONNX file: traced, translated, written, tried."""

from __future__ import annotations

import os
from collections.abc import Iterable

import onnx_ir as ir

import protonet
from protonet.exporting.check import check_onnx
from protonet.exporting.model import onnx_model
from protonet.exporting.options import ExportOptions
from protonet.exporting.source import Exported
from protonet.exporting.traced import traced
from protonet.exporting.write import verify_size, write_onnx
from protonet.exporting.written import BlobSizes, Written
from protonet.files import replacing
from protonet.plain import plain


def export_onnx(
    exported: Exported, path: str | os.PathLike[str], options: ExportOptions
) -> Written:
    """Write an ONNX file, which takes the place of ``path`` when its trials are over."""
    outputs = exported.outputs()
    if exported.selection.outputs is None:  # all weights are needed: told before any work
        held = sum(weight.numel() for weight in exported.module.parameters())
        verify_size(held * (2 if options.is_half else 4))
    model = onnx_model(traced(exported.lowered, exported.module, options), outputs, options)
    _describe(model, exported)
    inputs, results = _shapes(model.graph.inputs), _shapes(model.graph.outputs)
    nodes = len(model.graph)
    with replacing(path) as temporary:
        size = write_onnx(model, temporary)
        checked = check_onnx(temporary, exported, options) if options.check else None
    return Written(os.fspath(path), size, inputs, results, nodes, checked)


def _describe(model: ir.Model, exported: Exported) -> None:
    """Say in the file where it comes from."""
    model.producer_name, model.producer_version = "protonet", protonet.__version__
    model.graph.name = plain(exported.graph.name) or "net"
    model.metadata_props.update(
        {
            "source": plain(exported.origin),
            "source_sha256": exported.digest,
            "phase": exported.graph.phase,
        }
    )


def _shapes(values: Iterable[ir.Value]) -> dict[str, BlobSizes]:
    found: dict[str, BlobSizes] = {}
    for value in values:
        sizes = value.shape or ()
        found[value.name or ""] = tuple(n if isinstance(n, int) else n.value for n in sizes)
    return found
