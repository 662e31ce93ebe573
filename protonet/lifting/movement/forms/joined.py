"""What cat and stack were given, one after the other: Concat."""

from __future__ import annotations

from typing import Any

from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.refusal import Refusal
from protonet.lifting.trace import name_of
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import count

_JOINS = frozenset(("cat", "concat", "concatenate"))


def form(operator: Operator, seen: Seen) -> tuple[NewBlob, tuple[NewBlob, ...]] | None:
    """The blob of a join whose parts are one blob's, and those that it is cheap to come from."""
    view = seen.view
    if name_of(view.node) not in _JOINS | {"stack"} or len(view.steps) < 2:
        return None
    ends: list[NewBlob] = [view.base]
    for step in view.steps:
        if isinstance(step, View) and (step.made is not None or len(step.node.users) > 1):
            try:
                ends.append(operator.blob(step))
            except Refusal:
                return None
    try:
        return join(operator, list(view.steps), axis_of(view)), tuple(ends)
    except Refusal:
        return None


def axis_of(view: View) -> int:
    """The axis of a join of a view's operator, counted from 0."""
    args = view.node.args
    axis: Any = args[1] if len(args) > 1 else view.node.kwargs.get("dim", 0)
    return int(axis) % len(view.shape)


def join(operator: Operator, parts: list[Held], axis: int) -> NewBlob:
    """Parts one after the other; each of one place where they lack the axis."""
    stacks = len(operator.shape) > len(parts[0].shape)
    bottoms = []
    for part in parts:
        if not stacks and part.shape == (0,) and len(operator.shape) > 1:
            continue
        blob = operator.constant(part.tensor) if isinstance(part, Constant) else operator.blob(part)
        shape = (*blob.shape[:axis], 1, *blob.shape[axis:]) if stacks else blob.shape
        if count(shape):
            bottoms.append(operator.reshape(blob, shape))
    return operator.layer("Concat", *bottoms, axis=axis)
