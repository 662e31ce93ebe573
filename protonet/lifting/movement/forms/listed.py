"""Any places along each of some axes, in any order: axis by axis, those that shrink first."""

from __future__ import annotations

from protonet.lifting.movement.lines import taken
from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob by way of one axis after the other; None where axes hang together."""
    lists = seen.lists
    if lists is None:
        return None
    found: NewBlob | None = seen.base
    growths = [len(line) / size for line, size in zip(lists, seen.base.shape, strict=True)]
    for axis in sorted(range(len(lists)), key=growths.__getitem__):
        found = found and taken(operator, found, axis, lists[axis], f"axis{axis}")
    return found and operator.reshape(found, seen.shape)
