"""Borders of a number that is not zero: Concat with constants."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from protonet.lifting.movement.forms.surrounded import surrounded
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Held


@lifts("constant_pad_nd")
def constant_pad(operator: Operator, x: Held, pads: Sequence[int], value: float = 0.0) -> Held:
    """Borders joined to a value axis by axis, what is negative cut off before."""
    return _bordered(operator, x, pads, value)


def _bordered(operator: Operator, x: Held, pads: Sequence[int], value: float) -> Held:
    found = operator.blob(x)
    if min(pads) < 0:
        operator.refuse("it cuts off and adds a number", "cut with a slice, then pad")
    for number in range(len(pads) // 2):
        before, behind = pads[2 * number : 2 * number + 2]
        if before or behind:
            axis = len(x.shape) - 1 - number
            found = surrounded(operator, found, axis, (before, behind), value)
    return found


@lifts("pad")
def pad(
    operator: Operator,
    x: Held,
    pads: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Held:
    """The same under another name; other modes move elements and come here of no one blob."""
    if mode != "constant":
        operator.refuse(f"no layer pads by {mode}")
    return _bordered(operator, x, pads, value or 0.0)


examples = (
    LiftExample(
        lambda: nn.ConstantPad2d((1, 0, 2, 2), 3.0),
        ((2, 3, 4, 4),),
        ("Parameter", "Concat", "Parameter", "Concat"),
    ),
)
