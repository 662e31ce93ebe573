"""A model in the words of another opset."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.version_converter import convert_version

from protonet.diagnostics import NetError


def opset(model: ir.Model, version: int) -> None:
    """Convert a model. NetError where it has operators that the opset lacks."""
    try:
        convert_version(model, version, fallback=True)
    except Exception as error:
        raise NetError(f"the net can't be said in opset {version}: {error}") from error
    found = model.opset_imports.get("", 0)
    if found != version:
        what = f"the net can't be said in opset {version}, only in {found}"
        raise NetError(what, None, f"leave --opset out, or give --opset {found}")
