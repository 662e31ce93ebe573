"""Numbers that become powers of two, a portion of them at a time, as helpers of emitted nets."""

from __future__ import annotations

import math

from protonet.program import torch


def to_powers(
    numbers: torch.Tensor,
    mask: torch.Tensor,
    portions: tuple[float, float],
    values: int,
) -> None:
    """Make the largest of the numbers with a mask of 1 powers of two, whose mask is 0 then.

    ValueError where the fork stops. Source: ShapeIntoTwoPower_cpu and ComputeQuantumRange of 32l's
    INQConvolutionLayer.
    """
    sizes, is_free = numbers.detach().abs().double(), mask == 1
    free, done = sizes[is_free], sizes[mask == 0]
    tiny = torch.finfo(torch.float32).eps
    if len(done) and done.max() <= tiny and not len(free):
        return  # all were pruned away
    if not len(free) or free.max() <= tiny:
        raise ValueError("no number is left to quantise: load a trained net's weights")
    highest = math.floor(math.log(4.0 * float(free.max()) / 3.0) / math.log(2.0))
    if len(done) and done.max() > tiny:
        own = math.floor(math.log(float(done.max())) / math.log(2.0) + 0.5)
        if own < highest:
            raise ValueError(f"a number has outgrown 2^{own}, the largest power of two")
        highest = own
    if portions[1] == 0:
        return
    all_at_first = math.floor(len(free) / (1.0 - portions[0]) + 0.5)
    kept = math.floor(all_at_first * (1.0 - portions[1]) + 0.5)
    if kept >= len(free):
        return
    chosen = is_free & (sizes >= free.sort().values[kept])
    powers = (torch.log(4.0 * sizes / 3.0) / math.log(2.0)).floor()
    made = torch.where(powers > highest - values, torch.exp2(powers), 0.0)
    made = made.to(numbers) * numbers.detach().sign()
    with torch.no_grad():
        numbers.copy_(torch.where(chosen, made, numbers))
        mask.masked_fill_(chosen, 0.0)
