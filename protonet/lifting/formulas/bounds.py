"""The larger and the smaller of two values, and values between bounds."""

from __future__ import annotations

import math

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.formulas.scalars import affine, rectified
from protonet.lifting.formulas.spreading import broadcast, number_of, spread, uniform
from protonet.lifting.formulas.sums import added
from protonet.lifting.names import worded
from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob

_MOST = torch.finfo(torch.float32).max


def clamped(
    operator: Operator, x: Held, low: float | None, high: float | None, part: str = ""
) -> NewBlob:
    """X, no less than ``low`` and no more than ``high``, one of which may be None.

    Clip, where the dialect has it. Else by the larger of it and a bound, so that what is between
    the bounds stays as it is to the bit, and what is far beyond is the bound itself.
    """
    low = None if low is None or low == -math.inf else low
    high = None if high is None or high == math.inf else high
    if low is not None and high is not None and low > high:
        operator.refuse(f"its lower bound {low:g} is above the upper one, {high:g}")
    if low == 0 and high is None:
        return rectified(operator, x, part)
    if operator.has("Clip") and (low, high) != (None, None):
        bounds: Fields = {
            "min": -_MOST if low is None else low,
            "max": _MOST if high is None else high,
        }
        return operator.layer("Clip", x, part=part, **bounds)
    top = operator.blob(x)
    if low is not None:
        top = at_least(operator, top, low, part if high is None else "lower")
    return top if high is None else at_most(operator, top, high, part)


def at_least(operator: Operator, x: Held, low: float, part: str = "") -> NewBlob:
    """The larger of x and a number, which a Power that multiplies by zero gives."""
    if low == 0:
        return rectified(operator, x, part)
    if operator.takes("Eltwise", operation="MAX"):
        bound = affine(operator, x, 0, low, worded(part, "bound"))
        return operator.layer("Eltwise", x, bound, part=part, operation="MAX")
    lacks = rectified(operator, affine(operator, x, -1, low, "below"), "lack")
    return added(operator, x, lacks, part=part)


def at_most(operator: Operator, x: Held, high: float, part: str = "") -> NewBlob:
    """The smaller of x and a number: what is larger of their negatives."""
    if high and operator.takes("Eltwise", operation="MAX"):
        negative = affine(operator, x, -1, part=worded(part, "negative"))
        return affine(operator, at_least(operator, negative, -high, "largest"), -1, part=part)
    beyond = rectified(operator, affine(operator, x, 1, -high, "above"), "excess")
    return added(operator, x, beyond, 1, -1, part)


def larger(operator: Operator, x: Held, y: Held, part: str = "") -> NewBlob:
    """The larger of two values, of shapes that broadcast."""
    shape = broadcast(x, y)
    if isinstance(x, Constant):
        x, y = y, x
    if isinstance(y, Constant):
        x = spread(operator, x, shape)
        number = number_of(operator, y.tensor, shape)
        if number is not None:
            return clamped(operator, x, number, None, part)
        lacks = rectified(operator, added(operator, y, x, 1, -1, "below"), "lack")
        return added(operator, x, lacks, part=part)
    given = spread(operator, x, shape), spread(operator, y, shape)
    return operator.layer("Eltwise", *given, part=part, operation="MAX")


def smaller(operator: Operator, x: Held, y: Held, part: str = "") -> NewBlob:
    """The smaller of two values, of shapes that broadcast."""
    for one, other in ((x, y), (y, x)):
        number = uniform(other.tensor) if isinstance(other, Constant) else None
        if number is not None:
            whole = spread(operator, one, broadcast(x, y))
            return clamped(operator, whole, None, number, part)
    turned = [_negative(operator, value) for value in (x, y)]
    return affine(operator, larger(operator, turned[0], turned[1], "largest"), -1, part=part)


def _negative(operator: Operator, value: Held) -> Held:
    if isinstance(value, Constant):
        return Constant(-value.tensor)
    return affine(operator, value, -1, part="negative")
