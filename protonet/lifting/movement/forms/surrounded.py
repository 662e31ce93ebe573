"""Zeros around elements: blobs of zeros joined to them, axis by axis."""

from __future__ import annotations

import torch

from protonet.lifting.movement.padding import bordered, within
from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The elements without borders in a form of their own, then the borders; None without."""
    pads = bordered(seen.view)
    if pads is None or not any(map(any, pads)):
        return None
    found = operator.blob(within(seen.view, pads))
    for axis, (before, behind) in enumerate(pads):
        if before or behind:
            found = _surrounded(operator, found, axis, before, behind)
    return found


def _surrounded(operator: Operator, blob: NewBlob, axis: int, before: int, behind: int) -> NewBlob:
    """A blob with zeros before and behind it along an axis."""

    def zeros(size: int) -> NewBlob:
        shape = (*blob.shape[:axis], size, *blob.shape[axis + 1 :])
        return operator.constant(torch.zeros(shape), f"zeros{axis}")

    parts = [zeros(before)] if before else []
    parts.append(blob)
    if behind:
        parts.append(parts[0] if before == behind else zeros(behind))
    return operator.layer("Concat", *parts, part=f"pad{axis}", axis=axis)
