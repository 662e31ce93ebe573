"""What nothing reads, out of the graph."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common


def drop_unused(model: ir.Model) -> None:
    """Take away nodes, weights and functions that no output depends on."""
    common.InlinePass()(model)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]
    common.RemoveUnusedOpsetsPass()(model)
