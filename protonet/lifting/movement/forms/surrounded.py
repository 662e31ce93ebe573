"""Zeros around elements: blobs of zeros joined to them, axis by axis."""

from __future__ import annotations

import torch

from protonet.lifting.movement.padding import bordered, within
from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The elements without borders in a form of their own, then the borders; None without."""
    pads = bordered(seen.view) if seen.has_zeros else None
    if pads is None or not any(map(any, pads)):
        return None
    found = operator.blob(within(seen.view, pads))
    for axis, (before, behind) in enumerate(pads):
        if before or behind:
            found = surrounded(operator, found, axis, (before, behind))
    return found


def surrounded(
    operator: Operator, blob: NewBlob, axis: int, pads: tuple[int, int], value: float = 0.0
) -> NewBlob:
    """A blob with places of one value before and behind it along an axis."""

    def border(size: int) -> NewBlob:
        shape = (*blob.shape[:axis], size, *blob.shape[axis + 1 :])
        return operator.constant(torch.full(shape, value), f"border{axis}")

    before, behind = (border(size) if size else None for size in pads)
    parts = [part for part in (before, blob, behind) if part is not None]
    return operator.layer("Concat", *parts, part=f"pad{axis}", axis=axis)
