"""Changes to a graph that several passes make."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from protonet.arrays import Array
from protonet.exporting.node_names import LAYER


def constant(graph: ir.Graph, name: str, numbers: Array | ir.TensorProtocol) -> ir.Value:
    """A new initializer; its name counts from what is there already."""
    free, times = name, 0
    while free in graph.initializers:
        times += 1
        free = f"{name}_{times}"
    tensor = ir.tensor(numbers) if isinstance(numbers, np.ndarray) else numbers
    tensor.name = free
    value = ir.Value(name=free, const_value=tensor, shape=ir.Shape(tensor.shape.numpy()))
    value.type = ir.TensorType(tensor.dtype)
    graph.register_initializer(value)
    return value


def lazy(make: Callable[[], Array], like: ir.TensorProtocol, dtype: ir.DataType) -> ir.LazyTensor:
    """Numbers of a tensor's shape that are made when they are written."""

    def made() -> ir.TensorProtocol:
        return ir.tensor(make())

    return ir.LazyTensor(made, dtype=dtype, shape=ir.Shape(like.shape.numpy()))


def replace_node(
    graph: ir.Graph,
    old: ir.Node,
    operator: str,
    inputs: Sequence[ir.Value | None],
    attributes: dict[str, int | float | Sequence[int]] | None = None,
) -> ir.Node:
    """Put an operator in the place of a node: it gives the same values under the same names."""
    made = ir.Node(
        "",
        operator,
        inputs,
        ir.convenience.convert_attributes(attributes or {}),
        num_outputs=len(old.outputs),
    )
    made.meta.update(old.meta)
    for before, after in zip(old.outputs, made.outputs, strict=True):
        after.name, after.shape, after.type = before.name, before.shape, before.type
        after.meta.update(before.meta)
    ir.convenience.replace_nodes_and_values(graph, old, [old], [made], old.outputs, made.outputs)
    made.meta.setdefault(LAYER, "")
    return made


def numbers_of(value: ir.Value | None) -> Array | None:
    """The numbers of a value that is constant; None for others, and for those not made yet."""
    tensor = ir.convenience.get_const_tensor(value) if value is not None else None
    return (
        None if tensor is None or isinstance(tensor, ir.LazyTensor) else np.asarray(tensor.numpy())
    )


def is_operator(node: ir.Node | None, *names: str) -> bool:
    """Whether a node is one of these operators of ONNX's own."""
    return node is not None and node.domain == "" and node.op_type in names
