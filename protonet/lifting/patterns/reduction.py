"""Reduction, global Pooling and what else joins the elements along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.formulas.bounds import larger, smaller
from protonet.lifting.formulas.over import averaged, axes_of, largest, smallest, summed
from protonet.lifting.formulas.scalars import affine, exponential, powered
from protonet.lifting.formulas.sums import added
from protonet.lifting.framing import seen
from protonet.lifting.movement.linear import along
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held, NewBlob
from protonet.shape import count

Axes = Sequence[int] | int | None
_MOST = 4096  # places along an axis for which a matrix of their sums is still small


@lifts("sum")
def total(
    operator: Operator,
    x: Held,
    axes: Axes = None,
    keeps: bool = False,  # noqa: ARG001
    *,
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """The sum."""
    return seen(operator, summed(operator, x, axes_of(axes, len(x.shape))), operator.shape)


@lifts("mean")
def mean(
    operator: Operator,
    x: Held,
    axes: Axes = None,
    keeps: bool = False,  # noqa: ARG001
    *,
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """The mean: Pooling over the image, else Reduction, else a Convolution of one place."""
    return seen(operator, averaged(operator, x, axes_of(axes, len(x.shape))), operator.shape)


@lifts("amax")
def amax(operator: Operator, x: Held, axes: Axes = None, keeps: bool = False) -> Held:  # noqa: ARG001
    """The largest: Pooling over the image, else the value that ArgMax finds."""
    return seen(operator, largest(operator, x, axes_of(axes, len(x.shape))), operator.shape)


@lifts("amin")
def amin(operator: Operator, x: Held, axes: Axes = None, keeps: bool = False) -> Held:  # noqa: ARG001
    """The smallest: what is negative, the other way round."""
    return seen(operator, smallest(operator, x, axes_of(axes, len(x.shape))), operator.shape)


@lifts("any")
def any_true(operator: Operator, x: Held, axes: Axes = None, keeps: bool = False) -> Held:
    """The largest of truths."""
    return amax(operator, _truths(operator, x), axes, keeps)


@lifts("all")
def all_true(operator: Operator, x: Held, axes: Axes = None, keeps: bool = False) -> Held:
    """The smallest of truths."""
    return amin(operator, _truths(operator, x), axes, keeps)


@lifts("prod")
def product(
    operator: Operator,
    x: Held,
    axis: int | None = None,
    keeps: bool = False,  # noqa: ARG001
    *,
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """Eltwise PROD of the parts of a Slice."""
    if axis is None:
        x, axis = operator.reshape(x, (count(x.shape),), "flat"), 0
    axis %= len(x.shape)
    size = x.shape[axis]
    if size == 1:
        return operator.reshape(x, operator.shape)
    points: Fields = {
        "axis": None if axis == 1 else axis,
        "slice_point": list(range(1, size)),
    }
    parts = operator.layers("Slice", x, part="parts", tops=size, **points)
    found = operator.layer("Eltwise", *parts, operation="PROD")
    return seen(operator, found, operator.shape)


@lifts("var")
def variance(
    operator: Operator,
    x: Held,
    axes: Axes | bool = None,
    unbiased: bool = True,
    keeps: bool = False,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> Held:
    """The mean square of what is without its mean."""
    given = (unbiased if not isinstance(axes, bool) else axes), correction
    over = axes_of(None if isinstance(axes, bool) else axes, len(x.shape))
    return _variance(operator, x, over, keeps or keepdim, _less(*given))[1]


@lifts("std")
def deviation(
    operator: Operator,
    x: Held,
    axes: Axes | bool = None,
    unbiased: bool = True,
    keeps: bool = False,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> Held:
    """The square root of the variance."""
    given = (unbiased if not isinstance(axes, bool) else axes), correction
    over = axes_of(None if isinstance(axes, bool) else axes, len(x.shape))
    found = _variance(operator, x, over, keeps or keepdim, _less(*given), "variance")[1]
    return powered(operator, found, 0.5)


@lifts("var_mean")
def variance_and_mean(
    operator: Operator,
    x: Held,
    axes: Axes | bool = None,
    unbiased: bool = True,
    keeps: bool = False,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Held, Held]:
    """Both."""
    given = (unbiased if not isinstance(axes, bool) else axes), correction
    over = axes_of(None if isinstance(axes, bool) else axes, len(x.shape))
    keeps = keeps or keepdim
    middle, found = _variance(operator, x, over, keeps, _less(*given))
    return found, seen(operator, middle, found.shape)


@lifts("logsumexp")
def logsumexp(operator: Operator, x: Held, axes: Axes, keeps: bool = False) -> Held:  # noqa: ARG001
    """The largest, and the logarithm of the sum of the exponentials of what is beside it."""
    over = axes_of(axes, len(x.shape))
    top = largest(operator, x, over, True, "largest")
    beside = added(operator, x, top, 1, -1, "beside")
    sums = summed(operator, exponential(operator, beside, part="exp"), over, True, "sum")
    found = added(operator, top, operator.layer("Log", sums, part="log"))
    return seen(operator, found, operator.shape)


@lifts("cumsum")
def cumsum(
    operator: Operator,
    x: Held,
    axis: int,
    *,
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """The sums up to each place: a triangle of ones as weights."""
    axis %= len(x.shape)
    size = x.shape[axis]
    if size > _MOST:
        operator.refuse(f"it sums up {size} places, of which {_MOST} is the most")
    return along(operator, x, axis, torch.ones(size, size).tril())


def _truths(operator: Operator, x: Held) -> Held:
    (given,) = operator.node.all_input_nodes
    if given.meta["val"].dtype != torch.bool:
        operator.refuse("it takes truths here, no numbers", "compare them with 0 first")
    return x


def _less(unbiased: bool, correction: float | None) -> float:
    """How many elements less the sum of squares is divided by."""
    return float(unbiased) if correction is None else correction


def _variance(
    operator: Operator,
    x: Held,
    over: tuple[int, ...],
    keeps: bool,
    less: float,
    part: str = "",
) -> tuple[Held, NewBlob]:
    """The mean, whose axes stay, and the variance."""
    size = math.prod(x.shape[axis] for axis in over)
    if size <= less:
        operator.refuse(f"it divides by the {size} elements less {less:g}, which torch can't")
    middle = averaged(operator, x, over, True, "mean")
    apart = added(operator, x, middle, 1, -1, "apart")
    square = powered(operator, apart, 2, part="square")
    spread = averaged(operator, square, over, keeps, part)
    return middle, affine(operator, spread, size / (size - less), part=part)


@lifts("max")
def maximum(
    operator: Operator,
    x: Held,
    axis: Held | int | None = None,
    keeps: bool = False,  # noqa: ARG001
) -> Held | tuple[Held, Held]:
    """The largest of all, or of two; with its place along an axis."""
    return _extreme(operator, x, axis, 1)


@lifts("min")
def minimum(
    operator: Operator,
    x: Held,
    axis: Held | int | None = None,
    keeps: bool = False,  # noqa: ARG001
) -> Held | tuple[Held, Held]:
    """The smallest of all, or of two; with its place along an axis."""
    return _extreme(operator, x, axis, -1)


def _extreme(
    operator: Operator, x: Held, axis: Held | int | None, sign: int
) -> Held | tuple[Held, Held]:
    if isinstance(axis, Held):
        return (larger if sign > 0 else smaller)(operator, x, axis)
    find = largest if sign > 0 else smallest
    over = axes_of(axis, len(x.shape))
    value = seen(operator, find(operator, x, over), operator.shape)
    if axis is None:
        return value
    turned = x if sign > 0 else affine(operator, x, -1, part="negative")
    place = operator.layer("ArgMax", turned, part="place", axis=over[0])
    return value, seen(operator, place, value.shape)


_IMAGE = ((2, 3, 4, 5),)
_MIDDLE = ("Reshape", "Convolution", "Reshape")
_JOINED = ("Eltwise", "Reshape")
_APART = ("Power", "Flatten", "Bias", "Power")
examples = (
    LiftExample(lambda: Called(lambda x: x.mean((2, 3))), _IMAGE, ("Pooling", "Flatten")),
    LiftExample(lambda: Called(lambda x: x.mean((2, 3), keepdim=True)), _IMAGE, ("Pooling",)),
    LiftExample(lambda: Called(lambda x: x.mean(-1)), _IMAGE, ("Reduction",)),
    LiftExample(lambda: Called(lambda x: x.mean(1, keepdim=True)), _IMAGE, ("Convolution",)),
    LiftExample(lambda: Called(lambda x: x.sum()), _IMAGE, ("Reduction",)),
    LiftExample(lambda: Called(lambda x: x.sum((0, 2))), _IMAGE, _MIDDLE[:2] + _MIDDLE),
    LiftExample(lambda: Called(lambda x: x.sum((1, 2), True)), _IMAGE, _MIDDLE),
    LiftExample(lambda: Called(lambda x: x.amax((2, 3))), _IMAGE, ("Pooling", "Flatten")),
    LiftExample(lambda: Called(lambda x: x.amax(1, True)), _IMAGE, ("ArgMax",)),
    LiftExample(lambda: Called(lambda x: x.amax((1, 2))), _IMAGE, ("Reshape", "ArgMax", "Reshape")),
    LiftExample(lambda: Called(lambda x: x.amin(2, True)), _IMAGE, ("Power", "ArgMax", "Power")),
    LiftExample(lambda: Called(lambda x: x.max(2)[0]), _IMAGE, ("ArgMax", "Reshape")),
    LiftExample(lambda: Called(lambda x: x.max(1)[1]), _IMAGE, ("ArgMax", "Reshape")),
    LiftExample(
        lambda: Called(lambda x: (x > 0).all(2).float()),
        _IMAGE,
        ("Threshold", "Power", "ArgMax", "Power", "Reshape"),
    ),
    LiftExample(lambda: Called(lambda x: x.prod(1)), _IMAGE, ("Slice", "Eltwise", "Reshape")),
    LiftExample(
        lambda: Called(lambda x: x.var((2, 3), keepdim=True)),
        _IMAGE,
        ("Pooling", *_APART, "Pooling", "Power"),
    ),
    LiftExample(
        lambda: Called(lambda x: x.std(1, unbiased=False)),
        _IMAGE,
        ("Convolution", "Tile", "Eltwise", "Power", "Convolution", "Reshape", "Power"),
    ),
    LiftExample(
        lambda: Called(lambda x: x.logsumexp(1)),
        ((3, 5),),
        ("ArgMax", *_APART[:1], "Reshape", "Bias", "Exp", "Reduction", "Reshape", "Log", *_JOINED),
    ),
    LiftExample(lambda: Called(lambda x: x.cumsum(1)), _IMAGE, ("Convolution",)),
)
