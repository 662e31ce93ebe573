"""Shapes that torch computes from the batch, stated; flattening as Flatten."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from protonet.exporting.passes.edit import constant, is_operator, replace_node

Dims = list[int | ir.SymbolicDim]


def settle_reshapes(model: ir.Model) -> None:
    """Give every Reshape a constant shape, where 0 and -1 can say what is free of it.

    One from four axes to two that keeps the first is a Flatten.
    """
    for node in list(model.graph):
        given, made = (node.inputs[0], node.outputs[0]) if node.inputs else (None, None)
        if not is_operator(node, "Reshape") or given is None or made is None:
            continue
        if given.shape is None or made.shape is None:
            continue
        before, after = list(given.shape), list(made.shape)
        if _flattens(before, after):
            replace_node(model.graph, node, "Flatten", [given], {"axis": 1})
            continue
        shape = _stated(before, after)
        if shape is not None:
            value = constant(model.graph, f"{made.name}_shape", np.array(shape, np.int64))
            replace_node(model.graph, node, "Reshape", [given, value])


def _flattens(before: Dims, after: Dims) -> bool:
    if len(before) < 3 or len(after) != 2 or after[1] == 0:
        return False
    return _is_same(before[0], after[0])


def _is_same(one: int | ir.SymbolicDim, other: int | ir.SymbolicDim) -> bool:
    """Whether two sizes are known to be one."""
    if isinstance(one, int) or isinstance(other, int):
        return one == other
    return one.value is not None and one.value == other.value


def _stated(before: Dims, after: Dims) -> list[int] | None:
    """A shape that means the same in numbers, 0 for a size that stays and -1 for one other."""
    if 0 in after:
        return None
    found: list[int] = []
    for axis, size in enumerate(after):
        if isinstance(size, int):
            found.append(size)
        else:
            stays = axis < len(before) and _is_same(before[axis], size)
            found.append(0 if stays else -1)
    return found if found.count(-1) <= 1 else None
