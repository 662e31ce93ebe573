"""Zeros that torch adds or joins, left out or said as a Pad."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from protonet.exporting.passes.edit import constant, is_operator, numbers_of, replace_node


def drop_zeros(model: ir.Model) -> None:
    """Leave out a bias of zeros that no layer has; join zeros behind a value as a Pad.

    torch.onnx gives every convolution a bias. OpenCV 4 joins constants wrongly.
    """
    for node in list(model.graph):
        if is_operator(node, "Conv", "ConvTranspose") and _is_zero_bias(node):
            node.resize_inputs(2)
        elif is_operator(node, "Concat") and len(node.inputs) == 2:
            _pad(model.graph, node)


def _is_zero_bias(node: ir.Node) -> bool:
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return False
    numbers = numbers_of(node.inputs[2])
    own = (node.inputs[2].name or "").endswith(".bias")  # a layer's own, whatever it holds
    return numbers is not None and not own and not numbers.any()


def _pad(graph: ir.Graph, node: ir.Node) -> None:
    given, zeros = node.inputs
    numbers = numbers_of(zeros)
    if given is None or zeros is None or numbers is None or numbers.any() or given.shape is None:
        return
    axis = node.attributes["axis"].as_int() % len(given.shape)
    pads = [0] * (2 * len(given.shape))
    pads[len(given.shape) + axis] = numbers.shape[axis]
    name = f"{node.outputs[0].name}_pads"
    replace_node(graph, node, "Pad", [given, constant(graph, name, np.array(pads, np.int64))])
