"""Any order of elements: the rows of a blob, chosen by BatchReindex and its constant."""

from __future__ import annotations

import torch

from protonet.lifting.movement.rows import of_rows
from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import count


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob through rows as long as they stay together; None where the dialect lacks it."""
    flat, total = seen.flat, count(seen.sizes)
    if not len(flat):
        return None
    length = _together(flat, total)
    index = torch.div(flat[::length], length, rounding_mode="floor")
    found = of_rows(operator, seen.base, (total // length, length * seen.row), index, "")
    return found and operator.reshape(found, seen.shape, "")


def _together(flat: torch.Tensor, total: int) -> int:
    """The longest run that starts at its own multiples and never breaks, zeros like elements."""
    steps = torch.where(flat[:-1] < 0, flat[1:] < 0, flat[1:] == flat[:-1] + 1)
    breaks = torch.nonzero(~steps).flatten() + 1
    starts = flat[breaks].clamp(min=0)
    numbers = torch.cat([breaks, starts, torch.tensor([total, len(flat), max(int(flat[0]), 0)])])
    return int(_common(numbers))


def _common(numbers: torch.Tensor) -> torch.Tensor:
    """The greatest common divisor of many numbers, halving them as a tournament does."""
    while len(numbers) > 1:
        half = (len(numbers) + 1) // 2
        second = torch.zeros(half, dtype=torch.int64)
        second[: len(numbers) - half] = numbers[half:]
        numbers = torch.gcd(numbers[:half], second)
    return numbers[0]
