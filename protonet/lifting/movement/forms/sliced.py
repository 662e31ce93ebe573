"""A range along each of some axes: Slice, whose other parts a later pass joins or silences."""

from __future__ import annotations

from protonet.lifting.movement.lines import pieces, taken
from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The part of a Slice, and of another for each further axis; None where ranges are not all."""
    lists = seen.lists
    if lists is None or any(len(pieces(line)) > 1 for line in lists):
        return None
    found: NewBlob | None = seen.base
    for axis, line in enumerate(lists):
        found = found and taken(operator, found, axis, line, "")
    return found and operator.reshape(found, seen.shape)
