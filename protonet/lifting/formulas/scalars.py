"""Numbers with every element of a blob: Power, and what is made of it."""

from __future__ import annotations

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob


def affine(
    operator: Operator, x: Held, scale: float = 1.0, shift: float = 0.0, part: str = ""
) -> NewBlob:
    """``scale`` times x plus ``shift``; x itself where that changes nothing."""
    if scale == 1 and shift == 0:
        return operator.blob(x)
    if operator.has("Power") or len(x.shape) < 2:
        return operator.layer("Power", x, part=part, **_unless(scale=(scale, 1), shift=(shift, 0)))
    numbers = [torch.full(x.shape[1:2], each) for each in (scale, shift)]
    biased = shift != 0
    blobs = numbers if biased else numbers[:1]
    return operator.layer("Scale", x, part=part, blobs=blobs, bias_term=biased or None)


def known(value: Held | float) -> Held:
    """A number as a constant."""
    if isinstance(value, Held):
        return value
    return Constant(torch.tensor(float(value), dtype=torch.float64))


def powered(
    operator: Operator,
    x: Held,
    power: float,
    scale: float = 1.0,
    shift: float = 0.0,
    part: str = "",
) -> NewBlob:
    """(``shift`` + ``scale`` times x) to a power."""
    fields = _unless(power=(power, 1), scale=(scale, 1), shift=(shift, 0))
    return operator.layer("Power", x, part=part, **fields) if fields else operator.blob(x)


def exponential(operator: Operator, x: Held, scale: float = 1.0, part: str = "") -> NewBlob:
    """The exponential of ``scale`` times x."""
    return operator.layer("Exp", x, part=part, **_unless(scale=(scale, 1)))


def rectified(operator: Operator, x: Held, part: str = "") -> NewBlob:
    """X where it is positive, else zero."""
    return operator.layer("ReLU", x, part=part)


def above(operator: Operator, x: Held, threshold: float = 0.0, part: str = "") -> NewBlob:
    """One where x is above a number, else zero."""
    return operator.layer("Threshold", x, part=part, **_unless(threshold=(threshold, 0)))


def below(operator: Operator, x: Held, threshold: float = 0.0, part: str = "") -> NewBlob:
    """One where x is below a number, else zero."""
    return above(operator, affine(operator, x, -1, part="negative"), -threshold, part)


def complement(operator: Operator, x: Held, part: str = "") -> NewBlob:
    """One less x: of zeros and ones the others."""
    return affine(operator, x, -1, 1, part)


def _unless(**fields: tuple[float, float]) -> Fields:
    """The fields whose values are not their defaults."""
    return {name: value for name, (value, default) in fields.items() if value != default}
