"""Threshold: comparisons, truths as zeros and ones, and choices by them."""

from __future__ import annotations

import math

import torch
from torch import nn

from protonet.lifting.formulas.scalars import above, below, complement, known
from protonet.lifting.formulas.spreading import broadcast, spread, uniform
from protonet.lifting.formulas.sums import added, chosen, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Constant, Held


@lifts("gt", "greater")
def greater(operator: Operator, x: Held | float, y: Held | float, part: str = "") -> Held:
    """One where x is above y."""
    x, y = known(x), known(y)
    number = uniform(y.tensor) if isinstance(y, Constant) else None
    if number is not None and not math.isfinite(number):
        return Constant(torch.full(broadcast(x, y), number < 0))
    if number is not None:
        return above(operator, spread(operator, x, broadcast(x, y)), number, part)
    number = uniform(x.tensor) if isinstance(x, Constant) else None
    if number is not None and not math.isfinite(number):
        return Constant(torch.full(broadcast(x, y), number > 0))
    if number is not None:
        return below(operator, spread(operator, y, broadcast(x, y)), number, part)
    return above(operator, added(operator, x, y, 1, -1, "difference"), part=part)


@lifts("lt", "less")
def less(operator: Operator, x: Held | float, y: Held | float) -> Held:
    """One where x is below y."""
    return greater(operator, y, x)


@lifts("le", "less_equal")
def at_most(operator: Operator, x: Held | float, y: Held | float) -> Held:
    """One where x is not above y."""
    if _is_nan(x) or _is_nan(y):
        return Constant(torch.zeros(operator.shape, dtype=torch.bool))
    return _other(operator, greater(operator, x, y, "above"))


@lifts("ge", "greater_equal")
def at_least(operator: Operator, x: Held | float, y: Held | float) -> Held:
    """One where x is not below y."""
    return at_most(operator, y, x)


@lifts("ne", "not_equal")
def unequal(operator: Operator, x: Held | float, y: Held | float, part: str = "") -> Held:
    """One where x differs from y; a net's own values are no infinity."""
    for each in (known(x), known(y)):
        number = uniform(each.tensor) if isinstance(each, Constant) else None
        if number is not None and not math.isfinite(number):
            return Constant(torch.ones(operator.shape, dtype=torch.bool))
    difference = added(operator, known(x), known(y), 1, -1, "difference")
    return above(operator, operator.layer("AbsVal", difference, part="distance"), part=part)


@lifts("eq")
def equal(operator: Operator, x: Held | float, y: Held | float) -> Held:
    """One where x does not differ from y."""
    return _other(operator, unequal(operator, x, y, "unequal"))


@lifts("isnan", "isinf")
def not_a_number(operator: Operator, x: Held) -> Held:  # noqa: ARG001
    """Nowhere: a net's own values are numbers."""
    return Constant(torch.zeros(x.shape, dtype=torch.bool))


@lifts("logical_not", "bitwise_not")
def inverted(operator: Operator, x: Held) -> Held:
    """One where x is zero."""
    return complement(operator, _truth(operator, x, 0))


@lifts("logical_and", "bitwise_and", "__and__")
def both(operator: Operator, x: Held, y: Held) -> Held:
    """The product of truths."""
    return multiplied(operator, _truth(operator, x, 0), _truth(operator, y, 1))


@lifts("logical_or", "bitwise_or", "__or__")
def either(operator: Operator, x: Held, y: Held) -> Held:
    """The larger of truths."""
    shape = broadcast(x, y)
    given = [spread(operator, _truth(operator, each, n), shape) for n, each in enumerate((x, y))]
    return operator.layer("Eltwise", *given, operation="MAX")


@lifts("logical_xor", "bitwise_xor", "__xor__")
def one_of(operator: Operator, x: Held, y: Held) -> Held:
    """Where truths differ."""
    return unequal(operator, _truth(operator, x, 0), _truth(operator, y, 1))


@lifts("where")
def where(operator: Operator, mask: Held, x: Held | float, y: Held | float) -> Held:
    """X where the mask is, else y: both times a mask, added."""
    given = known(x), known(y)
    _check_finite(operator, mask, *given)
    return _whole(operator, chosen(operator, mask, *given))


@lifts("masked_fill")
def masked_fill(operator: Operator, x: Held, mask: Held, value: Held | float) -> Held:
    """A number where the mask is, else x."""
    _check_finite(operator, mask, known(value))
    return _whole(operator, chosen(operator, mask, known(value), x))


@lifts("heaviside")
def heaviside(operator: Operator, x: Held, value: Held) -> Held:
    """One above zero, nothing below it, and the value at zero."""
    zero = complement(operator, unequal(operator, x, 0, "unequal"), "zero")
    at_zero = multiplied(operator, zero, value, "at")
    return added(operator, above(operator, x, part="above"), at_zero)


def _is_nan(x: Held | float) -> bool:
    """Whether a value is known, and no number, to which nothing compares."""
    x = known(x)
    return isinstance(x, Constant) and math.isnan(uniform(x.tensor) or 0.0)


def _other(operator: Operator, truth: Held) -> Held:
    """The other truth."""
    if isinstance(truth, Constant):
        return Constant(~truth.tensor.bool())
    return complement(operator, truth)


def _truth(operator: Operator, x: Held, number: int) -> Held:
    """A truth of zeros and ones. Refusal of numbers, whose bits no layer has."""
    given = operator.node.args[number]
    assert isinstance(given, torch.fx.Node)
    if given.meta["val"].dtype != torch.bool:
        operator.refuse("it takes truths here, no numbers", "compare them with 0 first")
    return Constant(x.tensor.float()) if isinstance(x, Constant) else x


def _check_finite(operator: Operator, mask: Held, *values: Held) -> None:
    """Refusal where a mask of the net's would be multiplied with infinity."""
    for value in values:
        if isinstance(mask, Constant) or not isinstance(value, Constant):
            continue
        if not bool(torch.isfinite(value.tensor.float()).all()):
            hint = "choose a large number instead of infinity"
            operator.refuse("the net computes where infinity stands", hint)


def _whole(operator: Operator, value: Held) -> Held:
    return spread(operator, value, operator.shape)


class _Masked(nn.Module):
    """A mask that is known: part of every row is hidden."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.arange(4) > 2
        return x.masked_fill(hidden, -math.inf)


_IMAGE = ((2, 3, 4),)
_NOT = ("Threshold", "Power")
examples = (
    LiftExample(lambda: Called(lambda x: (x > 0.5).float()), _IMAGE, ("Threshold",)),
    LiftExample(lambda: Called(lambda x: (x >= 0.5).float()), _IMAGE, ("Power", *_NOT)),
    LiftExample(lambda: Called(lambda x, y: (x < y).float()), _IMAGE * 2, ("Eltwise", "Threshold")),
    LiftExample(
        lambda: Called(lambda x: (x.sign() == 1).float()),
        _IMAGE,
        ("Threshold", "Power", "Threshold", "Eltwise", "Power", "AbsVal", *_NOT),
    ),
    LiftExample(
        lambda: Called(lambda x: ((x > 0) & (x < 1) | ~(x > -1)).float()),
        _IMAGE,
        ("Threshold", "Power", "Threshold", "Eltwise", "Threshold", "Power", "Eltwise"),
    ),
    LiftExample(
        lambda: Called(lambda x: torch.where(x > 0.5, x, 0.0)), _IMAGE, ("Threshold", "Eltwise")
    ),
    LiftExample(
        lambda: Called(lambda x, y: torch.where(x > y, x, y * y)),
        _IMAGE * 2,
        ("Eltwise", "Threshold", "Power", "Power", "Eltwise", "Eltwise", "Eltwise"),
    ),
    LiftExample(nn.Hardshrink, _IMAGE, ("AbsVal", "Threshold", "Eltwise")),
    LiftExample(_Masked, _IMAGE, ("Scale",)),
)
