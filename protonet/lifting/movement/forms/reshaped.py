"""The elements as they lie, under another shape: Flatten or Reshape."""

from __future__ import annotations

from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import count


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob, flattened behind its first axis where that is all; None where elements move."""
    base, shape = seen.base, seen.shape
    if not seen.is_whole:
        return None
    if base.shape == shape:
        return base
    if base.shape and shape == (base.shape[0], count(base.shape, 1)) and operator.has("Flatten"):
        return operator.layer("Flatten", base)
    return operator.reshape(base, shape, "")
