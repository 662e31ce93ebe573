"""Two values, added, multiplied or divided: Eltwise, Scale, Bias and Power by their shapes."""

from __future__ import annotations

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.formulas.scalars import affine, powered
from protonet.lifting.formulas.spreading import (
    broadcast,
    flat,
    narrowed,
    number_of,
    placed,
    spread,
    uniform,
    within_axes,
)
from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob
from protonet.shape import Shape


def added(
    operator: Operator, x: Held, y: Held, a: float = 1.0, b: float = 1.0, part: str = ""
) -> NewBlob:
    """``a`` times x plus ``b`` times y, of shapes that broadcast."""
    shape = broadcast(x, y)
    if isinstance(x, Constant):
        x, y, a, b = y, x, b, a
    if isinstance(y, Constant):
        return shifted(operator, spread(operator, x, shape), y.tensor, a, b, part)
    if x is y:
        return affine(operator, x, a + b, part=part)
    x, y = narrowed(x), narrowed(y)
    for big, small, c, d in ((x, y, a, b), (y, x, b, a)):
        place = placed(small.shape, shape) if small.shape != shape else None
        if big.shape == shape and place:
            axis, dims = place
            left = affine(operator, big, c, part="scaled")
            right = flat(operator, affine(operator, small, d, part="scaled"), dims)
            return operator.layer("Bias", left, right, part=part, axis=_stated(axis))
    given = spread(operator, x, shape), spread(operator, y, shape)
    coefficients = None if a == b == 1 else [a, b]
    return operator.layer("Eltwise", *given, part=part, coeff=coefficients)


def shifted(
    operator: Operator,
    x: Held,
    tensor: torch.Tensor,
    a: float = 1.0,
    b: float = 1.0,
    part: str = "",
) -> NewBlob:
    """``a`` times x plus ``b`` times a constant, which is no larger."""
    number = number_of(operator, tensor, x.shape)
    if number is not None:
        return affine(operator, x, a, b * number, part)
    axis, numbers = within_axes(tensor, x.shape)
    scaled = affine(operator, x, a, part="scaled")
    fields = _axes(axis, numbers.shape)
    blob = numbers if b == 1 else b * numbers.float()
    return operator.layer("Bias", scaled, part=part, blobs=[blob], **fields)


def multiplied(operator: Operator, x: Held, y: Held, part: str = "") -> NewBlob:
    """X times y, of shapes that broadcast."""
    shape = broadcast(x, y)
    if isinstance(x, Constant):
        x, y = y, x
    if isinstance(y, Constant):
        return scaled_by(operator, spread(operator, x, shape), y.tensor, part)
    if x is y:
        return powered(operator, x, 2, part=part)
    x, y = narrowed(x), narrowed(y)
    for big, small in ((x, y), (y, x)):
        place = placed(small.shape, shape) if small.shape != shape else None
        if big.shape == shape and place:
            axis, dims = place
            factor = flat(operator, small, dims)
            return operator.layer("Scale", big, factor, part=part, axis=_stated(axis))
    given = spread(operator, x, shape), spread(operator, y, shape)
    return operator.layer("Eltwise", *given, part=part, operation="PROD")


def scaled_by(operator: Operator, x: Held, tensor: torch.Tensor, part: str = "") -> NewBlob:
    """X times a constant, which is no larger."""
    number = number_of(operator, tensor, x.shape)
    if number is not None:
        return affine(operator, x, number, part=part)
    axis, numbers = within_axes(tensor, x.shape)
    return operator.layer("Scale", x, part=part, blobs=[numbers], **_axes(axis, numbers.shape))


def divided(operator: Operator, x: Held, y: Held, part: str = "") -> NewBlob:
    """X by y, of shapes that broadcast: x times what y is the inverse of."""
    if isinstance(y, Constant):
        return multiplied(operator, x, Constant(1 / y.tensor), part)
    number = uniform(x.tensor) if isinstance(x, Constant) else None
    if number and broadcast(x, y) == y.shape:
        return powered(operator, y, -1, 1 / number, part=part)
    return multiplied(operator, x, powered(operator, narrowed(y), -1, part="inverse"), part)


def chosen(operator: Operator, mask: Held, x: Held, y: Held, part: str = "") -> NewBlob:
    """X where a mask of zeros and ones has a one, else y."""
    if isinstance(mask, Constant):
        ones = Constant(mask.tensor.float())
        if isinstance(y, Constant):
            kept = multiplied(operator, x, ones, "kept")
            other = Constant(torch.where(mask.tensor.bool(), 0.0, y.tensor.float()))
            return added(operator, kept, other, part=part)
        if isinstance(x, Constant):
            return chosen(operator, Constant(~mask.tensor.bool()), y, x, part)
    others = (
        added(operator, mask, Constant(torch.ones(())), -1, part="others")
        if (not isinstance(mask, Constant))
        else Constant(1 - mask.tensor.float())
    )
    terms = [
        multiplied(operator, each, where, name)
        for each, where, name in ((x, mask, "kept"), (y, others, "other"))
        if not (isinstance(each, Constant) and uniform(each.tensor) == 0)
    ]
    if len(terms) == 1:
        return spread(operator, terms[0], broadcast(mask, x, y))
    return added(operator, terms[0], terms[1], part=part)


def _stated(axis: int) -> int | None:
    """An axis as a field: none where it is the default."""
    return None if axis == 1 else axis


def _axes(axis: int, dims: Shape) -> Fields:
    return {"axis": _stated(axis), "num_axes": None if len(dims) == 1 else len(dims)}
