"""Sigmoid, TanH, and the gates that are told by them."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.draft import Fields
from protonet.lifting.formulas.bounds import clamped
from protonet.lifting.formulas.sums import added, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held


@lifts("sigmoid")
def sigmoid(operator: Operator, x: Held) -> Held:
    """Sigmoid."""
    return operator.layer("Sigmoid", x)


@lifts("tanh")
def tanh(operator: Operator, x: Held) -> Held:
    """TanH."""
    return operator.layer("TanH", x)


@lifts("silu")
def silu(operator: Operator, x: Held) -> Held:
    """Swish where the dialect has it, else the product with Sigmoid."""
    if operator.has("Swish"):
        return operator.layer("Swish", x)
    return multiplied(operator, x, operator.layer("Sigmoid", x, part="sigmoid"))


@lifts("glu")
def glu(operator: Operator, x: Held, axis: int = -1) -> Held:
    """One half times Sigmoid of the other."""
    axis %= len(x.shape)
    half = x.shape[axis] // 2
    cut: Fields = {"axis": None if axis == 1 else axis, "slice_point": [half]}
    left, right = operator.layers("Slice", x, part="halves", tops=2, **cut)
    return multiplied(operator, left, operator.layer("Sigmoid", right, part="sigmoid"))


@lifts("logit")
def logit(operator: Operator, x: Held, eps: float | None = None) -> Held:
    """The logarithm of x less that of what it lacks of one."""
    inside = x if eps is None else clamped(operator, x, eps, 1 - eps, "inside")
    lacks = operator.layer("Log", inside, part="lack", scale=-1, shift=1)
    return added(operator, operator.layer("Log", inside, part="log"), lacks, 1, -1)


_LEAST, _MOST = ("Power", "Eltwise"), ("Power", "Power", "Eltwise", "Power")
_IMAGE = ((2, 4, 3, 3),)
examples = (
    LiftExample(nn.Sigmoid, _IMAGE, ("Sigmoid",)),
    LiftExample(nn.Tanh, _IMAGE, ("TanH",)),
    LiftExample(nn.SiLU, _IMAGE, ("Sigmoid", "Eltwise")),
    LiftExample(lambda: nn.GLU(1), _IMAGE, ("Slice", "Sigmoid", "Eltwise")),
    LiftExample(nn.Tanhshrink, _IMAGE, ("TanH", "Eltwise")),
    LiftExample(
        lambda: Called(lambda x: torch.logit(x.tanh() / 2 + 0.5, 0.01)),
        _IMAGE,
        ("TanH", "Power", *_LEAST, *_MOST, "Log", "Log", "Eltwise"),
    ),
)
