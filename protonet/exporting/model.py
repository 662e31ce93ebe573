"""From a traced net to an ONNX model with Caffe's names."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from protonet.diagnostics import NetError, lacks_memory
from protonet.exporting.blob_names import name_values
from protonet.exporting.node_names import name_nodes, note_layers
from protonet.exporting.operators import table
from protonet.exporting.options import NATIVE_OPSET, ExportOptions
from protonet.exporting.passes import PASSES, half, opset
from protonet.exporting.traced import Traced, refused, step_index, without_warnings
from protonet.graph import Node


def onnx_model(traced: Traced, outputs: Sequence[str], options: ExportOptions) -> ir.Model:
    """The model, with its weights as views of the net's own.

    NetError, with the layer's place, where an operation has no like in ONNX.
    """
    with without_warnings():
        model = _translated(traced)
        note_layers(model, traced.steps)
        name_values(model, traced, outputs)
        for step in PASSES:
            step(model)
        if options.is_half:
            half(model)
        if options.opset != NATIVE_OPSET:
            opset(model, options.opset)
        name_nodes(model)
    return model


def _translated(traced: Traced) -> ir.Model:
    try:
        made = torch.onnx.export(
            traced.program,
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=NATIVE_OPSET,
            custom_translation_table=table(),
        )
    except Exception as error:
        if lacks_memory(error) or isinstance(error, NetError):
            raise
        raise refused(_at_fault(traced, error), error.__cause__ or error) from error
    assert made is not None
    return made.model


def _at_fault(traced: Traced, error: BaseException) -> Node | None:
    """The layer whose operation could not be translated, by the module that the message names."""
    text = f"{error} {error.__cause__}"
    for word in text.replace("'", " ").replace(":", " ").split():
        index = step_index(word)
        if index is not None:
            return traced.steps.nodes[index]
    return None
