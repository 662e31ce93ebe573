"""BNLL, which is Softplus, and what is told by it."""

from __future__ import annotations

from typing import Any

from torch import nn

from protonet.lifting.formulas.scalars import above, affine
from protonet.lifting.formulas.sums import chosen, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, fuses, lifts
from protonet.lifting.trace import named
from protonet.lifting.values import Held, NewBlob, View

_SAME = 16  # from here on log(1 + exp(x)) is x in single precision


@lifts("softplus")
def softplus(operator: Operator, x: Held, beta: float = 1, threshold: float = 20) -> Held:
    """BNLL of beta times x, by beta; x itself above the threshold, where that tells."""
    inner = affine(operator, x, beta, part="scaled")
    if threshold >= _SAME:
        return affine(operator, _soft(operator, inner, "bnll" if beta != 1 else ""), 1 / beta)
    curve = affine(operator, _soft(operator, inner, "bnll"), 1 / beta, part="curve")
    return chosen(operator, above(operator, inner, threshold, "mask"), x, curve)


@lifts("log_sigmoid")
def log_sigmoid(operator: Operator, x: Held) -> Held:
    """Minus BNLL of minus x."""
    return affine(operator, _soft(operator, affine(operator, x, -1, part="negative"), "bnll"), -1)


@lifts("log_sigmoid_forward")
def log_sigmoid_forward(operator: Operator, x: Held) -> tuple[Held, None]:
    """The same by its name in core ATen."""
    return log_sigmoid(operator, x), None


@lifts("mish")
def mish(operator: Operator, x: Held) -> Held:
    """X times TanH of BNLL."""
    return multiplied(operator, x, operator.layer("TanH", _soft(operator, x, "bnll"), part="tanh"))


@fuses("where")
def softplus_in_steps(operator: Operator) -> Held | None:
    """Softplus as core ATen has it, whose exponential may be infinite where it is not chosen."""
    args: Any = operator.node.args
    mask, x, curve = args
    if not named(mask, "gt") or not isinstance(mask.args[1], int | float):
        return None
    inner = mask.args[0]
    scaled = named(inner, "mul") and inner.args[0] is x
    beta = inner.args[1] if scaled else 1
    log = curve.args[0] if named(curve, "div") and curve.args[1] == beta else curve
    if not named(log, "log1p") or not named(log.args[0], "exp") or log.args[0].args[0] is not inner:
        return None
    if inner is not x and not scaled:
        return None
    held = operator.held.get(x)
    return (
        softplus(operator, held, beta, mask.args[1]) if isinstance(held, NewBlob | View) else None
    )


def _soft(operator: Operator, x: Held, part: str) -> NewBlob:
    return operator.layer("BNLL", x, part=part)


_IMAGE = ((2, 3, 4, 4),)
examples = (
    LiftExample(nn.Softplus, _IMAGE, ("BNLL",)),
    LiftExample(lambda: nn.Softplus(2.0), _IMAGE, ("Power", "BNLL", "Power")),
    LiftExample(
        lambda: nn.Softplus(1, 3),
        _IMAGE,
        ("BNLL", "Threshold", "Power", "Eltwise", "Eltwise", "Eltwise"),
    ),
    LiftExample(nn.LogSigmoid, _IMAGE, ("Power", "BNLL", "Power")),
    LiftExample(nn.Mish, _IMAGE, ("BNLL", "TanH", "Eltwise")),
)
