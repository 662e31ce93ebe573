"""From a traced net to an ONNX model with Caffe's names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import onnx_ir as ir
import torch

from protonet.diagnostics import NetError, lacks_memory
from protonet.exporting.blob_names import name_values
from protonet.exporting.node_names import LAYER, name_nodes, note_layers
from protonet.exporting.operators import table
from protonet.exporting.options import NATIVE_OPSET, ExportOptions
from protonet.exporting.passes import PASSES, half, opset
from protonet.exporting.traced import (
    Traced,
    layer_of,
    refused,
    step_index,
    without_warnings,
)
from protonet.graph import Node
from protonet.plain import plain

# By the list of operators of onnx-tensorrt, its parser.
_NOT_IN_TENSORRT = {"Compress", "MaxRoiPool", "SoftmaxCrossEntropyLoss", "Unique"}


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
        if options.runtime == "tensorrt":
            _verify_for_tensorrt(model, traced)
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


def _verify_for_tensorrt(model: ir.Model, traced: Traced) -> None:
    """NetError, with the layer's place, where TensorRT has not the operator."""
    spans = {plain(node.name): node.span for node in traced.steps.nodes}
    for node in model.graph:
        if node.op_type in _NOT_IN_TENSORRT:
            layer = str(node.meta.get(LAYER, ""))
            what = f"layer {layer!r} becomes {node.op_type}, which TensorRT has not"
            raise NetError(what, spans.get(layer), "--outputs ends the net before it")


def _at_fault(traced: Traced, error: BaseException) -> Node | None:
    """The layer whose operation could not be translated, by what the message names.

    That is a module, or where torch takes operations apart one operation of the program.
    """
    text = f"{error} {error.__cause__}"
    for word in text.replace("'", " ").replace(":", " ").split():
        index = step_index(word)
        if index is not None:
            return traced.steps.nodes[index]
    named = re.search(r"(?:While executing|translating node) %(\w+)", text)
    made = traced.program.graph.nodes
    found = next((node for node in made if named and node.name == named[1]), None)
    return layer_of(found, traced.steps) if found is not None else None
