"""Places into channels in the order of darknet, and back: Reorg."""

from __future__ import annotations

import torch

from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import count


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob by way of a Reorg; None where its order is another."""
    before, after = seen.base.shape, seen.shape
    if len(before) != 4 or len(after) != 4 or seen.row > 1 or not operator.has("Reorg"):
        return None
    if count(before) != count(after) or not after[2] or before[2] % after[2]:
        return None
    stride = before[2] // after[2]
    if stride < 2 or before[1] % stride**2 or before[3] != after[3] * stride:
        return None
    n, c, h, w = before
    places = torch.arange(count(before)).view(n, c // stride**2, h, stride, w, stride)
    right = places.permute(0, 3, 5, 1, 2, 4).reshape(after)
    if not torch.equal(seen.view.index, right):
        return None
    return operator.layer("Reorg", seen.base, stride=stride)
