"""ONNX model to ONNX model, one file each; what torch.onnx writes made as small as it can be."""

from __future__ import annotations

from protonet.exporting.passes.fold_batch_norm import fold_batch_norm
from protonet.exporting.passes.fold_constants import fold_constants
from protonet.exporting.passes.identities import drop_identities
from protonet.exporting.passes.opset import opset
from protonet.exporting.passes.outputs import settle_outputs
from protonet.exporting.passes.pads import write_pads
from protonet.exporting.passes.precision import half
from protonet.exporting.passes.reshapes import settle_reshapes
from protonet.exporting.passes.unused import drop_unused
from protonet.exporting.passes.zeros import drop_zeros

PASSES = (
    drop_unused,
    drop_identities,
    settle_reshapes,  # shapes that follow from the batch are stated without it
    drop_unused,
    fold_constants,
    drop_identities,
    drop_zeros,
    fold_batch_norm,
    write_pads,
    drop_unused,
    settle_outputs,
)

__all__ = ["PASSES", "half", "opset"]
