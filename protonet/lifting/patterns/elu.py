"""ELU, and SELU and CELU by it."""

from __future__ import annotations

from typing import Any

from torch import nn

from protonet.lifting.formulas.scalars import affine
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, fuses, lifts
from protonet.lifting.trace import named
from protonet.lifting.values import Held, NewBlob, View

_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805


@lifts("elu")
def elu(
    operator: Operator, x: Held, alpha: float = 1, scale: float = 1, input_scale: float = 1
) -> Held:
    """ELU, and Power where it is scaled; ``input_scale`` counts below zero alone."""
    if input_scale == 1:
        stated = None if alpha == 1 else alpha
        plain = operator.layer("ELU", x, part="elu" if scale != 1 else "", alpha=stated)
        return affine(operator, plain, scale)
    inner = affine(operator, x, input_scale, part="inner")
    curve = operator.layer("ELU", inner, part="elu", alpha=alpha * input_scale)
    return affine(operator, curve, scale / input_scale)


@lifts("selu")
def selu(operator: Operator, x: Held) -> Held:
    """ELU with SELU's own numbers."""
    return elu(operator, x, _ALPHA, _SCALE)


@lifts("celu")
def celu(operator: Operator, x: Held, alpha: float = 1) -> Held:
    """ELU of what is divided by alpha, times alpha."""
    return elu(operator, x, alpha, 1, 1 / alpha)


@fuses("where")
def celu_in_steps(operator: Operator) -> Held | None:
    """CELU as core ATen has it, whose exponential may be infinite where it is not chosen."""
    args: Any = operator.node.args
    mask, x, curve = args
    if not named(mask, "gt") or mask.args[:2] != (x, 0):
        return None
    alpha, inner = 1.0, curve
    if named(curve, "mul") and isinstance(curve.args[1], float):
        inner, alpha = curve.args[0], curve.args[1]
    if not named(inner, "expm1"):
        return None
    source = inner.args[0]
    if named(source, "div") and source.args[1] == alpha:
        source = source.args[0]
    elif alpha != 1:
        return None
    held = operator.held.get(x)
    if source is not x or not isinstance(held, NewBlob | View):
        return None
    return celu(operator, held, alpha)


_IMAGE = ((2, 3, 4, 4),)
examples = (
    LiftExample(nn.ELU, _IMAGE, ("ELU",)),
    LiftExample(lambda: nn.ELU(0.7), _IMAGE, ("ELU",)),
    LiftExample(nn.SELU, _IMAGE, ("ELU", "Power")),
    LiftExample(nn.CELU, _IMAGE, ("ELU",)),
    LiftExample(lambda: nn.CELU(0.5), _IMAGE, ("Power", "ELU", "Power")),
)
