"""What is computed of constants alone, computed."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer

_MOST = 1 << 22  # elements of a result: anchors of a large map
_FROM = 1 << 20  # elements that it is made of: never a large layer's weights


def fold_constants(model: ir.Model) -> None:
    """Fold constants, and let those that are left be initializers."""
    optimizer.fold_constants(model, input_size_limit=_FROM, output_size_limit=_MOST)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
