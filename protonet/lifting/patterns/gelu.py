"""GELU in both forms, and the error function."""

from __future__ import annotations

import math

import torch
from torch import nn

from protonet.lifting.formulas.scalars import above, affine, below, exponential, powered, rectified
from protonet.lifting.formulas.sums import added, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held, NewBlob

# Abramowitz and Stegun, 7.1.26: what erf lacks of one is a polynomial in 1 / (1 + p x) without a
# constant, times exp(-x^2), to 1.5e-7, which is single precision's own rounding.
_P = 0.3275911
_POLYNOMIAL = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


@lifts("gelu")
def gelu(operator: Operator, x: Held, approximate: str = "none") -> Held:
    """The product with the normal distribution: by Sigmoid in the form that is told by TanH.

    In the other form, ReLU less half of |x| times what erf(|x| / sqrt 2) lacks of one.
    """
    if approximate == "tanh":
        return _by_sigmoid(operator, x)
    size = operator.layer("AbsVal", x, part="size")
    lack = _lack(operator, x, size, math.sqrt(0.5), size)
    return added(operator, rectified(operator, x, "relu"), lack, 1, -0.5)


@lifts("erf")
def erf(operator: Operator, x: Held) -> Held:
    """The sign times one less the lack."""
    size = operator.layer("AbsVal", x, part="size")
    inside = affine(operator, _lack(operator, x, size, 1.0), -1, 1, "inside")
    sides = above(operator, x, part="above"), below(operator, x, part="below")
    return multiplied(operator, inside, added(operator, *sides, 1, -1, "sign"))


def _lack(operator: Operator, x: Held, size: NewBlob, scale: float, *factors: Held) -> NewBlob:
    """What erf of ``scale`` times |x| lacks of one, times other factors."""
    place = powered(operator, size, -1, _P * scale, 1, "place")
    *rest, last = _POLYNOMIAL
    value = affine(operator, place, last, rest.pop(), "sum")
    while rest:
        value = multiplied(operator, value, place, "product")
        value = affine(operator, value, 1, rest.pop(), "sum")
    square = powered(operator, x, 2, scale, part="square")
    bell = exponential(operator, square, -1, "bell")
    given = (value, place, bell, *factors)
    return operator.layer("Eltwise", *given, part="lack", operation="PROD")


def _by_sigmoid(operator: Operator, x: Held) -> NewBlob:
    """(1 + tanh(y)) / 2 is the sigmoid of 2 y."""
    factor = 2 * math.sqrt(2 / math.pi)
    square = powered(operator, x, 2, part="square")
    slope = affine(operator, square, 0.044715 * factor, factor, "slope")
    gate = operator.layer("Sigmoid", multiplied(operator, x, slope, "line"), part="gate")
    return multiplied(operator, x, gate)


_STEP = ("Eltwise", "Power")
_LACK = ("Power", "Power", *_STEP, *_STEP, *_STEP, "Power", "Exp", "Eltwise")
examples = (
    LiftExample(nn.GELU, ((2, 3, 8),), ("AbsVal", *_LACK, "ReLU", "Eltwise")),
    LiftExample(
        lambda: nn.GELU("tanh"),
        ((2, 3, 8),),
        ("Power", "Power", "Eltwise", "Sigmoid", "Eltwise"),
    ),
    LiftExample(
        lambda: Called(torch.erf),
        ((2, 3, 8),),
        ("AbsVal", *_LACK, "Power", "Threshold", "Power", "Threshold", "Eltwise", "Eltwise"),
    ),
)
