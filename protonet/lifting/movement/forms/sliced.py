"""A range along one axis: Slice, whose other parts a later pass joins or silences."""

from __future__ import annotations

import torch

from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob, View
from protonet.shape import count


def form(operator: Operator, view: View) -> NewBlob | None:
    """The part of a Slice; None where the elements are no range along an axis."""
    base, flat = view.base, view.index.flatten()
    if not len(flat) or not operator.has("Slice"):
        return None
    places = torch.arange(count(base.shape))
    for axis, size in enumerate(base.shape):
        outer, inner = count(base.shape, 0, axis), count(base.shape, axis + 1)
        length, rest = divmod(len(flat), outer * inner)
        start = int(flat[0]) // inner
        if rest or not 0 < length < size or start < 0 or start + length > size:
            continue
        part = places.view(outer, size, inner)[:, start : start + length].flatten()
        if torch.equal(part, flat):
            found = _cut(operator, base, axis, start, start + length)
            return operator.reshape(found, view.shape)
    return None


def _cut(operator: Operator, base: NewBlob, axis: int, start: int, stop: int) -> NewBlob:
    points = [point for point in (start, stop) if 0 < point < base.shape[axis]]
    tops = operator.layers("Slice", base, tops=len(points) + 1, axis=axis, slice_point=points)
    return tops[1 if start else 0]
