"""A BatchNormalization behind a convolution or a matrix, inside it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from protonet.arrays import Array
from protonet.exporting.node_names import blobs_of
from protonet.exporting.passes.edit import (
    constant,
    is_operator,
    lazy,
    numbers_of,
    replace_node,
)

_AXES = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0}


def fold_batch_norm(model: ir.Model) -> None:
    """Scale the weights before a BatchNormalization that alone reads what they give."""
    for node in list(model.graph):
        if is_operator(node, "BatchNormalization"):
            before = node.inputs[0].producer() if node.inputs[0] is not None else None
            if before is not None and _alone(before, node):
                _fold(model, before, node)


def _alone(before: ir.Node, node: ir.Node) -> bool:
    """Whether what stands before is weights on a known value that nothing else reads."""
    if not is_operator(before, *_AXES) or len(node.outputs) != 1:
        return False
    made = before.outputs[0]
    grouped = before.op_type == "ConvTranspose" and _number(before, "group", 1) != 1
    plain = before.op_type != "Gemm" or _is_linear(before)
    known = [*before.inputs[1:], *node.inputs[1:]]
    shared = len(list(made.uses())) != 1 or made.is_graph_output()
    return plain and not grouped and not shared and all(numbers_of(v) is not None for v in known)


def _is_linear(node: ir.Node) -> bool:
    """Whether a Gemm is a layer's: x times its weights' transpose, plus its bias."""
    factors = (_number(node, "alpha", 1.0), _number(node, "beta", 1.0))
    return factors == (1.0, 1.0) and _number(node, "transB", 0) == 1


def _number(node: ir.Node, name: str, default: float) -> float:
    attribute = node.attributes.get(name)
    return default if attribute is None else float(attribute.value)


def _fold(model: ir.Model, before: ir.Node, node: ir.Node) -> None:
    graph = model.graph
    scale, bias, mean, variance = (_exact(value) for value in node.inputs[1:])
    factor = scale / np.sqrt(variance + _number(node, "epsilon", 1e-5))
    given, weight, *rest = before.inputs
    assert weight is not None
    assert weight.name is not None
    shift = (_exact(rest[0]) if rest and rest[0] is not None else 0.0) - mean
    names = weight.name, f"{weight.name.removesuffix('.weight')}.bias"
    blobs_of(model).add(names[1])
    scaled = _scaled(weight, factor, _AXES[before.op_type])
    offset = ir.tensor((shift * factor + bias).astype(np.float32))
    attributes = dict(before.attributes)
    made = replace_node(graph, node, before.op_type, [given])
    made.attributes.update(attributes)
    made.meta.update(before.meta)
    graph.remove(before, safe=True)
    for old in (weight, *rest):
        if old is not None and not old.uses():
            graph.initializers.pop(old.name or "", None)
    own = [constant(graph, name, t) for name, t in zip(names, (scaled, offset), strict=True)]
    made.resize_inputs(3)
    for index, value in enumerate(own, 1):
        made.replace_input_with(index, value)


def _exact(value: ir.Value | None) -> Array:
    found = numbers_of(value)
    assert found is not None
    return found.astype(np.float64)


def _scaled(weight: ir.Value, factor: Array, axis: int) -> ir.LazyTensor:
    """The weights times the factors, computed when they are written."""
    tensor = weight.const_value
    assert tensor is not None
    shape = [1] * len(tensor.shape)
    shape[axis] = -1

    def made() -> Array:
        scaled: Array = (tensor.numpy() * factor.reshape(shape)).astype(np.float32)
        return scaled

    return lazy(made, tensor, ir.DataType.FLOAT)
