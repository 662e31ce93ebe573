"""Lengths of vectors, and vectors of length one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from protonet.lifting.formulas.bounds import at_least
from protonet.lifting.formulas.over import averaged, axes_of, largest, summed
from protonet.lifting.formulas.scalars import powered
from protonet.lifting.formulas.standardised import scaled
from protonet.lifting.formulas.sums import added, divided, multiplied
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, fuses, lifts
from protonet.lifting.trace import named
from protonet.lifting.values import Held, NewBlob, View

_NOTHING = 1e-8  # a bound of lengths that is far below those of any vector but zero


@lifts("linalg_vector_norm", "norm", "linalg_norm")
def vector_norm(
    operator: Operator,
    x: Held,
    order: float | None = 2,
    axes: Sequence[int] | int | None = None,
    keeps: bool = False,
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """The root of the sum of powers of sizes."""
    over, order = axes_of(axes, len(x.shape)), 2 if order is None else order
    if order == 2:
        square = powered(operator, x, 2, part="square")
        return powered(operator, summed(operator, square, over, keeps, "sum"), 0.5)
    sizes = operator.layer("AbsVal", x, part="size")
    if order == math.inf:
        return largest(operator, sizes, over, keeps)
    if order == 1:
        return summed(operator, sizes, over, keeps)
    if order <= 0:
        operator.refuse(f"no layers give a norm of order {order:g}")
    powers = powered(operator, sizes, order, part="power")
    return powered(operator, summed(operator, powers, over, keeps, "sum"), 1 / order)


@fuses("div")
def normalized(operator: Operator) -> Held | None:
    """F.normalize: times the root of the inverse of the sum of squares.

    Its bound goes, squared, to the sum: to a vector of zeros both give zeros, and no vector is
    longer than zero and shorter than a millionth of a millionth.
    """
    args: Any = operator.node.args
    x, bound = args[:2]
    while named(bound, "expand", "expand_as"):
        bound = bound.args[0]
    if not named(bound, "clamp_min", "clamp") or len(bound.args) != 2:
        return None
    length, eps = bound.args
    if not named(length, "linalg_vector_norm"):
        return None
    (source, order, axes, keeps) = (*length.args, *(2, None, False)[len(length.args) - 1 :])[:4]
    held = operator.held.get(source)
    known = isinstance(eps, float) and 1e-18 < eps <= _NOTHING
    if source is not x or not isinstance(held, NewBlob | View) or not known or order != 2:
        return None
    if not keeps:
        return None
    square = powered(operator, held, 2, part="square")
    whole = summed(operator, square, axes_of(axes, len(held.shape)), True, "sum")
    return multiplied(operator, held, powered(operator, whole, -0.5, 1, eps**2, "inverse"))


@lifts("rms_norm", "_fused_rms_norm")
def rms_norm(
    operator: Operator,
    x: Held,
    shape: Sequence[int],
    weight: Held | None = None,
    eps: float | None = None,
) -> Held:
    """X times the root of the inverse of its mean square."""
    axis = len(x.shape) - len(shape)
    eps = torch.finfo(torch.float32).eps if eps is None else eps
    square = powered(operator, x, 2, part="square")
    means = averaged(operator, square, tuple(range(axis, len(x.shape))), True, "mean")
    root = powered(operator, means, -0.5, 1, eps, "inverse")
    normed = multiplied(operator, x, root)
    return scaled(operator, normed, weight, None, axis)


@lifts("cosine_similarity")
def cosine_similarity(
    operator: Operator, x: Held, y: Held, axis: int = 1, eps: float = 1e-8
) -> Held:
    """The sum of products, by the lengths."""
    over = axes_of(axis, max(len(x.shape), len(y.shape)))
    products = summed(operator, multiplied(operator, x, y, "product"), over, False, "dot")
    lengths = [
        at_least(operator, vector_norm(operator, each, 2, over), eps, "length") for each in (x, y)
    ]
    return divided(operator, products, multiplied(operator, lengths[0], lengths[1], "lengths"))


@lifts("pairwise_distance")
def pairwise_distance(
    operator: Operator, x: Held, y: Held, p: float = 2, eps: float = 1e-6, keeps: bool = False
) -> Held:
    """The length of the difference and a little."""
    apart = powered(operator, added(operator, x, y, 1, -1, "apart"), 1, 1, eps, "apart")
    return vector_norm(operator, apart, p, -1, keeps)


_IMAGE = ((2, 3, 4, 5),)
_LENGTH = ("Power", "Reduction", "Power")
_BOUND = (*_LENGTH, "Power", "Eltwise")
examples = (
    LiftExample(
        lambda: Called(F.normalize), _IMAGE, ("Power", "Convolution", "Power", "Tile", "Eltwise")
    ),
    LiftExample(
        lambda: Called(F.normalize),
        ((3, 5),),
        ("Power", "Reduction", "Power", "Scale"),
    ),
    LiftExample(lambda: Called(lambda x: x.norm(dim=(2, 3))), _IMAGE, _LENGTH),
    LiftExample(lambda: Called(lambda x: x.norm(p=1, dim=3)), _IMAGE, ("AbsVal", "Reduction")),
    LiftExample(lambda: Called(lambda x: x.norm(p=3, dim=3)), _IMAGE, ("AbsVal", *_LENGTH)),
    LiftExample(
        lambda: Called(lambda x: x.norm(p=math.inf, dim=3)), _IMAGE, ("AbsVal", "ArgMax", "Reshape")
    ),
    LiftExample(lambda: nn.RMSNorm(5), ((2, 3, 5),), (*_LENGTH, "Scale", "Scale")),
    LiftExample(
        lambda: Called(F.pairwise_distance),
        ((3, 5),) * 2,
        ("Eltwise", *_LENGTH),
    ),
    LiftExample(
        lambda: Called(F.cosine_similarity),
        ((3, 5),) * 2,
        ("Eltwise", "Reduction", *_BOUND, *_BOUND, "Eltwise", "Power", "Eltwise"),
    ),
)
