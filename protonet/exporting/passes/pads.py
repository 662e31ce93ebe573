"""Padding said by a Pad where runtimes misread it as an attribute."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from protonet.exporting.node_names import LAYER
from protonet.exporting.passes.edit import constant, is_operator


def write_pads(model: ir.Model) -> None:
    """Put a Pad before a node whose own padding OpenCV 4 or 5 does not do."""
    for node in list(model.graph):
        if any(_ints(node, "pads")) and _is_misread(node):
            _write(model.graph, node)


def _is_misread(node: ir.Node) -> bool:
    """Whether one of them gives other numbers: measured on OpenCV 4.14 and 5.0."""
    if is_operator(node, "AveragePool"):  # 4 divides by what lies inside, whatever is stated
        rounds_up = _int(node, "ceil_mode", 0)
        return bool(_int(node, "count_include_pad", 0)) and not rounds_up
    if not is_operator(node, "Conv"):
        return False
    is_point = prod(_ints(node, "kernel_shape")) == 1  # 5 reads beyond the map
    is_dilated = prod(_ints(node, "dilations")) > 1 and _int(node, "group", 1) > 1
    return is_point or is_dilated  # 4 is wrong by a part of the map's border


def _write(graph: ir.Graph, node: ir.Node) -> None:
    given, pads = node.inputs[0], _ints(node, "pads")
    assert given is not None
    half = len(pads) // 2
    around = np.array([0, 0, *pads[:half], 0, 0, *pads[half:]], np.int64)
    sizes = constant(graph, f"{node.outputs[0].name}_pads", around)
    padded = ir.Value(type=given.type)
    made = ir.Node("", "Pad", [given, sizes], outputs=[padded])
    made.meta[LAYER] = node.meta.get(LAYER, "")
    graph.insert_before(node, made)
    node.replace_input_with(0, padded)
    node.attributes["pads"] = ir.AttrInt64s("pads", [0] * len(pads))
    if is_operator(node, "AveragePool"):
        node.attributes["count_include_pad"] = ir.AttrInt64("count_include_pad", 0)


def _ints(node: ir.Node, name: str) -> list[int]:
    found = node.attributes.get(name)
    return [] if found is None else list(found.as_ints())


def _int(node: ir.Node, name: str, default: int) -> int:
    found = node.attributes.get(name)
    return default if found is None else found.as_int()
