"""Any order of elements: the rows of a blob, chosen by BatchReindex and its constant."""

from __future__ import annotations

import torch

from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob, View
from protonet.shape import count

_EXACT = 2**24  # whole numbers up to here are exact in single precision


def form(operator: Operator, view: View) -> NewBlob | None:
    """The blob through rows as long as they stay together; None where the dialect lacks it."""
    if not operator.has("BatchReindex") or not operator.has("Parameter"):
        return None
    flat = view.index.flatten()
    total = count(view.base.shape)
    if not len(flat) or bool((flat < 0).any()):
        return None
    length = _together(flat, total)
    if total // length > _EXACT:
        return None
    rows = operator.reshape(view.base, (total // length, length), "rows")
    chosen = operator.constant(flat[::length] // length, "order")
    moved = operator.layer("BatchReindex", rows, chosen, part="reindex")
    return operator.reshape(moved, view.shape)


def _together(flat: torch.Tensor, total: int) -> int:
    """The longest run that starts at its own multiples and never breaks."""
    breaks = torch.nonzero(flat[1:] != flat[:-1] + 1).flatten() + 1
    length = total
    for place in (*breaks.tolist(), *flat[breaks].tolist(), len(flat), int(flat[0])):
        length = _common(length, int(place))
        if length == 1:
            break
    return length


def _common(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
