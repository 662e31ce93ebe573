"""Sums, products and quotients: Eltwise, Scale, Bias and Power, by the shapes of what they join."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.formulas.bounds import larger, smaller
from protonet.lifting.formulas.scalars import known
from protonet.lifting.formulas.sums import added, divided, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held


@lifts("add", "_add_relu")
def add(operator: Operator, x: Held, y: Held | float, alpha: float = 1) -> Held:
    """Eltwise SUM, Bias or Power."""
    _check_numbers(operator)
    return added(operator, x, known(y), 1, alpha)


@lifts("sub", "subtract")
def sub(operator: Operator, x: Held | float, y: Held | float, alpha: float = 1) -> Held:
    """Eltwise SUM, Bias or Power."""
    return added(operator, known(x), known(y), 1, -alpha)


@lifts("rsub")
def rsub(operator: Operator, x: Held, y: Held | float, alpha: float = 1) -> Held:
    """The second less the first."""
    return added(operator, known(y), x, 1, -alpha)


@lifts("mul", "multiply")
def mul(operator: Operator, x: Held, y: Held | float) -> Held:
    """Eltwise PROD, Scale or Power."""
    return multiplied(operator, x, known(y))


@lifts("div", "divide", "true_divide")
def div(
    operator: Operator, x: Held | float, y: Held | float, rounding_mode: str | None = None
) -> Held:
    """The product with the inverse."""
    if rounding_mode is not None:
        operator.refuse("no layer rounds", "leave out rounding_mode, or round after the net")
    return divided(operator, known(x), known(y))


@lifts("maximum", "fmax")
def maximum(operator: Operator, x: Held, y: Held) -> Held:
    """Eltwise MAX, or a bound below."""
    return larger(operator, x, y)


@lifts("minimum", "fmin")
def minimum(operator: Operator, x: Held, y: Held) -> Held:
    """The largest of what is negative, or a bound above."""
    return smaller(operator, x, y)


@lifts("addcmul")
def addcmul(operator: Operator, x: Held, y: Held, z: Held, value: float = 1) -> Held:
    """X plus ``value`` times the product of y and z."""
    return added(operator, x, multiplied(operator, y, z, "product"), 1, value)


@lifts("addcdiv")
def addcdiv(operator: Operator, x: Held, y: Held, z: Held, value: float = 1) -> Held:
    """X plus ``value`` times y by z."""
    return added(operator, x, divided(operator, y, z, "quotient"), 1, value)


@lifts("lerp")
def lerp(operator: Operator, x: Held, y: Held, weight: Held | float) -> Held:
    """From x a part of the way to y."""
    if not isinstance(weight, Held):
        return added(operator, x, y, 1 - weight, weight)
    way = added(operator, y, x, 1, -1, "way")
    return added(operator, x, multiplied(operator, way, weight, "part"))


def _check_numbers(operator: Operator) -> None:
    """Refusal of a sum of truths, which torch takes for one that is true."""
    value = operator.node.meta["val"]
    if value.dtype == torch.bool:
        operator.refuse("it adds truths", "write a | b, or add numbers")


def _constant(*shape: int) -> torch.Tensor:
    return torch.linspace(-2, 3, max(1, torch.Size(shape).numel())).reshape(shape)


class _Shifted(nn.Module):
    """Constants as buffers: one for each channel, and one number."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.register_buffer("mean", _constant(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.deviation


class _Untrained(nn.Module):
    """A gain for each channel, all alike before the first training."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * (x * self.gain[:, None, None])


_IMAGE, _GATE = (2, 3, 4, 5), (2, 3, 1, 1)
examples = (
    LiftExample(lambda: Called(lambda x, y: x + y), (_IMAGE, _IMAGE), ("Eltwise",)),
    LiftExample(lambda: Called(lambda x, y: x - 2 * y), (_IMAGE, _IMAGE), ("Power", "Eltwise")),
    LiftExample(lambda: Called(lambda x: 3 - x / 2), (_IMAGE,), ("Power",)),
    LiftExample(_Shifted, (_IMAGE,), ("Scale",)),
    LiftExample(_Untrained, (_IMAGE,), ("Scale", "Power")),
    LiftExample(lambda: Called(lambda x: x * _constant(4, 5)), (_IMAGE,), ("Scale",)),
    LiftExample(lambda: Called(lambda x: x * _constant(3, 1, 5)), (_IMAGE,), ("Scale",)),
    LiftExample(lambda: Called(lambda x, y: x * y), (_IMAGE, _GATE), ("Flatten", "Scale")),
    LiftExample(lambda: Called(lambda x, y: y + x), (_IMAGE, _GATE), ("Flatten", "Bias")),
    LiftExample(lambda: Called(lambda x, y: x - y), (_IMAGE, _GATE), ("Power", "Flatten", "Bias")),
    LiftExample(lambda: Called(lambda x, y: x * y), (_IMAGE, (2, 1, 4, 5)), ("Tile", "Eltwise")),
    LiftExample(
        lambda: Called(lambda x, y: x / y.exp().expand_as(x)),
        (_IMAGE, _GATE),
        ("Exp", "Power", "Flatten", "Scale"),
    ),
    LiftExample(lambda: Called(torch.maximum), (_IMAGE, _IMAGE), ("Eltwise",)),
    LiftExample(
        lambda: Called(torch.minimum), (_IMAGE, _IMAGE), ("Power", "Power", "Eltwise", "Power")
    ),
    LiftExample(
        lambda: Called(lambda x, y: torch.addcmul(x, x, y, value=2)),
        (_IMAGE, _IMAGE),
        ("Eltwise", "Eltwise"),
    ),
    LiftExample(lambda: Called(lambda x, y: torch.lerp(x, y, 0.3)), (_IMAGE, _IMAGE), ("Eltwise",)),
    LiftExample(lambda: Called(lambda x, y, z: x + y + z), (_IMAGE, _IMAGE, _IMAGE), ("Eltwise",)),
)
