"""Exp and Log, and what is told by them."""

from __future__ import annotations

import torch

from protonet.lifting.formulas.scalars import affine, exponential
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held


@lifts("exp")
def exp(operator: Operator, x: Held) -> Held:
    """Exp."""
    return exponential(operator, x)


@lifts("exp2")
def exp2(operator: Operator, x: Held) -> Held:
    """Exp of base 2."""
    return operator.layer("Exp", x, base=2)


@lifts("expm1")
def expm1(operator: Operator, x: Held) -> Held:
    """Exp less one."""
    return affine(operator, exponential(operator, x, part="exp"), 1, -1)


@lifts("log")
def log(operator: Operator, x: Held) -> Held:
    """Log."""
    return operator.layer("Log", x)


@lifts("log2")
def log2(operator: Operator, x: Held) -> Held:
    """Log of base 2."""
    return operator.layer("Log", x, base=2)


@lifts("log10")
def log10(operator: Operator, x: Held) -> Held:
    """Log of base 10."""
    return operator.layer("Log", x, base=10)


@lifts("log1p")
def log1p(operator: Operator, x: Held) -> Held:
    """Log of one more."""
    return operator.layer("Log", x, shift=1)


def _bounded(x: torch.Tensor) -> torch.Tensor:
    return x.tanh()


_SIZE = ((2, 3, 4),)
examples = (
    LiftExample(lambda: Called(lambda x: _bounded(x).exp()), _SIZE, ("TanH", "Exp")),
    LiftExample(lambda: Called(lambda x: _bounded(x).exp2()), _SIZE, ("TanH", "Exp")),
    LiftExample(lambda: Called(lambda x: _bounded(x).expm1()), _SIZE, ("TanH", "Exp", "Power")),
    LiftExample(lambda: Called(lambda x: (x.abs() + 1).log()), _SIZE, ("AbsVal", "Power", "Log")),
    LiftExample(lambda: Called(lambda x: (x.abs() + 1).log2()), _SIZE, ("AbsVal", "Power", "Log")),
    LiftExample(lambda: Called(lambda x: (x.abs() + 1).log10()), _SIZE, ("AbsVal", "Power", "Log")),
    LiftExample(lambda: Called(lambda x: x.abs().log1p()), _SIZE, ("AbsVal", "Log")),
)
