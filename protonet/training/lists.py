"""Arithmetic on lists of tensors, one call for all, and the local rates of larc."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Rates = float | list[float]


def laid_out_as(weight: Tensor, values: Tensor) -> Tensor:
    """The values in the strides of their weight: one trip through memory takes all side by side.

    A net that went to channels-last has other strides than what was made for it before.
    """
    return values if values.stride() == weight.stride() else torch.empty_like(weight).copy_(values)


def local_ratio(group: dict[str, Any], weight: float, grad: float) -> float:
    """A local rate over the common one, from the norms of a weight and its gradient."""
    if not (weight > 0 and grad > 0):
        return 1.0
    if group["larc"]:
        return float(group["larc_eta"] * weight / grad)
    return float(group["local_gw_ratio"] * weight / (grad + group["weight_decay"] * weight))


def add_scaled(to: list[Tensor], values: list[Tensor], rate: Rates) -> None:
    """Add values times the rate, or each times its own."""
    if isinstance(rate, list):
        torch._foreach_add_(to, torch._foreach_mul(values, rate))
    else:
        torch._foreach_add_(to, values, alpha=rate)


def scale(values: list[Tensor], rate: Rates) -> None:
    """Multiply values, in place, by the rate, or each by its own."""
    torch._foreach_mul_(values, rate)
