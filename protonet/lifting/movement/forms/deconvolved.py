"""Channels spread into blocks of places: a Deconvolution of zeros and ones."""

from __future__ import annotations

import torch

from protonet.lifting.movement.groups import grouped
from protonet.lifting.movement.seen import Seen
from protonet.lifting.movement.windows import field_of
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob

_LARGEST = 1024  # places of a block; larger ones are repeated, not multiplied with ones


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob of (n, c, h, w), its places grown to blocks; None where they move otherwise."""
    before, after = seen.base.shape, seen.shape
    if len(before) != 4 or len(after) != 4 or before[0] != after[0] or 0 in before + after:
        return None
    high, wide = after[2] // before[2], after[3] // before[3]
    if (before[2] * high, before[3] * wide) != after[2:] or not 1 < high * wide <= _LARGEST:
        return None
    channels = _channels(seen, high, wide)
    if channels is None:
        return None
    if high == wide and _is_nearest(channels) and operator.has("Upsample"):
        return operator.layer("Upsample", seen.base, scale=high)
    if not operator.has("Deconvolution"):
        return None
    places = torch.nonzero(channels >= 0).tolist()
    pairs = [(o, int(channels[o, y, x])) for o, y, x in places]
    group = grouped(after[1], before[1], pairs)
    width = after[1] // group
    weight = torch.zeros(before[1], width, high, wide)
    for (o, y, x), (_, c) in zip(places, pairs, strict=True):
        weight[c, o % width, y, x] = 1
    return operator.layer(
        "Deconvolution",
        seen.base,
        blobs=[weight],
        num_output=after[1],
        bias_term=False,
        **field_of("kernel", high, wide),
        **field_of("stride", high, wide),
        group=group if group > 1 else None,
    )


def _channels(seen: Seen, high: int, wide: int) -> torch.Tensor | None:
    """The channel before, -1 for zeros, of (channel after, row and column in a block)."""
    n, c, h, w = seen.grid_sizes
    blocks = seen.grid.reshape(n, seen.shape[1], h, high, w, wide).permute(0, 1, 3, 5, 2, 4)
    first = blocks[0, :, :, :, 0, 0]
    channels = torch.where(first < 0, -1, first // (h * w))
    numbers = torch.arange(n)[:, None] * c
    corners = (channels.flatten() + numbers).view(n, *channels.shape, 1, 1) * (h * w)
    places = corners + torch.arange(h * w).view(h, w)
    right = torch.where(channels[None, :, :, :, None, None] < 0, -1, places)
    return channels if torch.equal(blocks, right) else None


def _is_nearest(channels: torch.Tensor) -> bool:
    same = torch.arange(len(channels))[:, None, None]
    return torch.equal(channels, same.expand_as(channels))
