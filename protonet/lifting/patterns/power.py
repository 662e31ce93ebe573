"""Power: a number of elements times, roots and inverses."""

from __future__ import annotations

import torch

from protonet.lifting.formulas.scalars import affine, powered
from protonet.lifting.formulas.spreading import broadcast, spread, uniform
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Constant, Held


@lifts("neg", "negative")
def neg(operator: Operator, x: Held) -> Held:
    """Minus x."""
    return affine(operator, x, -1)


@lifts("square")
def square(operator: Operator, x: Held) -> Held:
    """X times x."""
    return powered(operator, x, 2)


@lifts("sqrt")
def sqrt(operator: Operator, x: Held) -> Held:
    """The square root."""
    return powered(operator, x, 0.5)


@lifts("rsqrt")
def rsqrt(operator: Operator, x: Held) -> Held:
    """The inverse of the square root."""
    return powered(operator, x, -0.5)


@lifts("reciprocal")
def reciprocal(operator: Operator, x: Held) -> Held:
    """One by x."""
    return powered(operator, x, -1)


@lifts("pow")
def power(operator: Operator, x: Held | float, exponent: Held | float) -> Held:
    """X to a number, or a number to x, which is Exp.

    Of negative elements C's pow, which Caffe calls, gives what torch does: a number for whole
    exponents, else none.
    """
    number = exponent if not isinstance(exponent, Held) else None
    if isinstance(exponent, Constant):
        number = uniform(exponent.tensor)
    if isinstance(x, Held) and not isinstance(x, Constant):
        if number is None:
            operator.refuse("its exponents differ", "Caffe's Power has one exponent for all")
        assert isinstance(number, int | float)
        return powered(operator, spread(operator, x, _together(x, exponent)), number)
    base = uniform(x.tensor) if isinstance(x, Constant) else x
    assert isinstance(exponent, Held)
    if base is None or not base > 0:
        operator.refuse(f"its base is {'several numbers' if base is None else base}, not above 0")
    return operator.layer("Exp", spread(operator, exponent, _together(x, exponent)), base=base)


def _together(x: Held | float, y: Held | float) -> tuple[int, ...]:
    return broadcast(*(each for each in (x, y) if isinstance(each, Held)))


_SIZE = ((2, 3, 4),)
examples = (
    LiftExample(lambda: Called(lambda x: -x), _SIZE, ("Power",)),
    LiftExample(lambda: Called(torch.square), _SIZE, ("Power",)),
    LiftExample(lambda: Called(lambda x: x.abs().sqrt()), _SIZE, ("AbsVal", "Power")),
    LiftExample(lambda: Called(lambda x: torch.rsqrt(x * x + 1)), _SIZE, ("Power", "Power")),
    LiftExample(lambda: Called(lambda x: 2 / (x * x + 1)), _SIZE, ("Power",) * 3),
    LiftExample(lambda: Called(lambda x: x**3), _SIZE, ("Power",)),
    LiftExample(lambda: Called(lambda x: 2 ** x.tanh()), _SIZE, ("TanH", "Exp")),
)
