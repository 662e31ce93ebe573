"""Clip: values between bounds, and the hard forms of gates."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from protonet.lifting.formulas.bounds import clamped, larger, smaller
from protonet.lifting.formulas.scalars import affine, known
from protonet.lifting.formulas.sums import added, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held, NewBlob


@lifts("clamp", "clip")
def clamp(
    operator: Operator, x: Held, low: Held | float | None = None, high: Held | float | None = None
) -> Held:
    """Between two numbers, or two values, of which one may be none."""
    if not isinstance(low, Held) and not isinstance(high, Held):
        return clamped(operator, x, low, high)
    if low is not None:
        x = larger(operator, x, known(low), "lower" if high is not None else "")
    return x if high is None else smaller(operator, x, known(high))


@lifts("clamp_min")
def clamp_min(operator: Operator, x: Held, low: Held | float) -> Held:
    """No less than a number or a value."""
    return clamp(operator, x, low)


@lifts("clamp_max")
def clamp_max(operator: Operator, x: Held, high: Held | float) -> Held:
    """No more than a number or a value."""
    return clamp(operator, x, None, high)


@lifts("hardtanh")
def hardtanh(operator: Operator, x: Held, low: float = -1, high: float = 1) -> Held:
    """Between two numbers."""
    return clamped(operator, x, low, high)


@lifts("relu6")
def relu6(operator: Operator, x: Held) -> Held:
    """Between 0 and 6."""
    return clamped(operator, x, 0, 6)


@lifts("hardsigmoid")
def hardsigmoid(operator: Operator, x: Held) -> Held:
    """A sixth of x and a half, between 0 and 1."""
    return _gate(operator, x, "")


@lifts("hardswish")
def hardswish(operator: Operator, x: Held) -> Held:
    """The product with its hard sigmoid."""
    return multiplied(operator, x, _gate(operator, x, "gate"))


@lifts("softshrink")
def softshrink(operator: Operator, x: Held, bound: float = 0.5) -> Held:
    """X less itself between bounds."""
    return added(operator, x, clamped(operator, x, -bound, bound, "inside"), 1, -1)


def _gate(operator: Operator, x: Held, part: str) -> NewBlob:
    return clamped(operator, affine(operator, x, 1 / 6, 0.5, "line"), 0, 1, part)


_IMAGE = ((2, 3, 4, 4),)
_LOWER = ("Power", "Eltwise")
_UPPER = ("Power", *_LOWER, "Power")
examples = (
    LiftExample(nn.ReLU6, _IMAGE, ("ReLU", *_UPPER)),
    LiftExample(lambda: Called(lambda x: F.relu6(x * 1e6)), _IMAGE, ("Power", "ReLU", *_UPPER)),
    LiftExample(nn.Hardtanh, _IMAGE, _LOWER + _UPPER),
    LiftExample(lambda: Called(lambda x: x.clamp(min=0.1)), _IMAGE, _LOWER),
    LiftExample(lambda: Called(lambda x: x.clamp(max=0.0)), _IMAGE, ("ReLU", "Eltwise")),
    LiftExample(
        lambda: Called(lambda x, y: torch.clamp(x, max=y)),
        _IMAGE * 2,
        ("Power", "Power", "Eltwise", "Power"),
    ),
    LiftExample(nn.Hardsigmoid, _IMAGE, ("Power", "ReLU", *_UPPER)),
    LiftExample(nn.Hardswish, _IMAGE, ("Power", "ReLU", *_UPPER, "Eltwise")),
)
