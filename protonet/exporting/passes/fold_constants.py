"""What is computed of constants alone, computed."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer

_MOST = 1 << 22  # elements: anchors of a large map, never a layer's weights


def fold_constants(model: ir.Model) -> None:
    """Fold constants, and let those that are left be initializers, each once."""
    optimizer.fold_constants(model, output_size_limit=_MOST)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.DeduplicateInitializersPass()(model)
