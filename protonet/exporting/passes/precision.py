"""Weights and values of half precision, but where an operator takes single precision alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from protonet.arrays import Array
from protonet.exporting.passes.edit import constant, is_operator, lazy

_HALF, _SINGLE = ir.DataType.FLOAT16, ir.DataType.FLOAT
_LARGEST = 65504.0
# Operators that ONNX has in single precision only, or whose squares and sums leave half's range.
_KEPT = {
    "CumSum",
    "DetectionOutput",
    "LRN",
    "LpNormalization",
    "MaxRoiPool",
    "NonMaxSuppression",
    "Pow",
    "Range",
    "ReduceL2",
    "ReduceSum",
    "Resize",
    "RoiAlign",
    "SoftmaxCrossEntropyLoss",
}


def half(model: ir.Model) -> None:
    """Compute in half precision; inputs and outputs stay of single precision."""
    graph = model.graph
    nodes = list(graph)
    for node in nodes:
        if not _keeps(node):
            for value in node.outputs:
                if value.dtype is _SINGLE:
                    value.type = ir.TensorType(_HALF)
            _retarget(node)
    _convert_inputs(graph, nodes)
    for initializer in list(graph.initializers.values()):
        if not initializer.uses() and not initializer.is_graph_output():
            graph.initializers.pop(initializer.name or "")
    for index, value in enumerate(graph.outputs):
        if value.dtype is _HALF:
            graph.outputs[index] = _restored(graph, value)


def _convert_inputs(graph: ir.Graph, nodes: Sequence[ir.Node]) -> None:
    """Give every operator its inputs in the precision that it takes, each converted once."""
    cast: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}
    for node in nodes:
        wanted = _SINGLE if _keeps(node) else _HALF
        for index, value in enumerate(node.inputs):
            if value is None or not _differs(node, value, wanted):
                continue
            if (value, wanted) not in cast:
                cast[value, wanted] = _converted(graph, value, wanted, node)
            node.replace_input_with(index, cast[value, wanted])


def _keeps(node: ir.Node) -> bool:
    return is_operator(node, *_KEPT)


def _differs(node: ir.Node, value: ir.Value, wanted: ir.DataType) -> bool:
    """Whether an operator is given the other of the two precisions."""
    return value.dtype in (_HALF, _SINGLE) and value.dtype is not wanted and node.op_type != "Cast"


def _retarget(node: ir.Node) -> None:
    """Let a node that states its precision state half."""
    target = node.attributes.get("to")
    if node.op_type == "Cast" and target is not None and target.as_int() == _SINGLE.value:
        node.attributes["to"] = ir.AttrInt64("to", _HALF.value)
    filled = node.attributes.get("value")
    if node.op_type == "ConstantOfShape":
        numbers = filled.as_tensor().numpy() if filled is not None else np.zeros(1, np.float32)
        if numbers.dtype == np.float32:
            tensor = ir.tensor(numbers.astype(np.float16))
            node.attributes["value"] = ir.AttrTensor("value", tensor)


def _converted(graph: ir.Graph, value: ir.Value, wanted: ir.DataType, reader: ir.Node) -> ir.Value:
    """The value in the other precision: weights when they are written, others by a Cast."""
    tensor = value.const_value
    if value.is_initializer() and tensor is not None:
        name = value.name or ""
        if all(not _keeps(use.node) for use in value.uses()):
            graph.initializers.pop(name)
        return constant(graph, name, _halved(tensor))
    made = ir.Value(name=f"{value.name}.cast", shape=value.shape, type=ir.TensorType(wanted))
    node = ir.Node("", "Cast", [value], [ir.AttrInt64("to", wanted.value)], outputs=[made])
    before = value.producer()
    if before is None:
        graph.insert_before(graph[0], node)
    else:
        graph.insert_after(before, node)
    node.meta.update(reader.meta)
    return made


def _halved(tensor: ir.TensorProtocol) -> ir.LazyTensor:
    def made() -> Array:
        clipped: Array = np.clip(tensor.numpy(), -_LARGEST, _LARGEST).astype(np.float16)
        return clipped

    return lazy(made, tensor, _HALF)


def _restored(graph: ir.Graph, value: ir.Value) -> ir.Value:
    """An output of single precision under its own name."""
    name = value.name
    value.name = f"{name}.half"
    made = ir.Value(name=name, shape=value.shape, type=ir.TensorType(_SINGLE))
    node = ir.Node("", "Cast", [value], [ir.AttrInt64("to", _SINGLE.value)], outputs=[made])
    producer = value.producer()
    node.meta.update(producer.meta if producer is not None else {})
    graph.append(node)
    return made
