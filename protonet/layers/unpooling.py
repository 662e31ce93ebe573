"""Numbers of a small map in a larger one: at the places that they have, or over windows."""

from __future__ import annotations

from protonet.program import F, torch


def unpool(x: torch.Tensor, mask: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Each element at its place in a map of that size, zeros elsewhere."""
    zeros = x.new_zeros(*x.shape[:2], size[0] * size[1])
    placed = zeros.scatter(2, mask.detach().flatten(2).long(), x.flatten(2))
    return placed.reshape(*x.shape[:2], *size)


def place(x: torch.Tensor, stride: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """Each element so many places from the one before, zeros elsewhere."""
    y = x.new_zeros(*x.shape[:2], *size)
    high, wide = (n * s for n, s in zip(x.shape[2:], stride, strict=True))
    y[:, :, : high : stride[0], : wide : stride[1]] = x
    return y


def unpool_windows(
    x: torch.Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    size: tuple[int, int],
    mean: bool = True,
) -> torch.Tensor:
    """Each element over its window, in even parts or whole; what overlaps is added up."""
    if mean:
        top = torch.arange(x.shape[2], device=x.device) * stride[0]
        left = torch.arange(x.shape[3], device=x.device) * stride[1]
        tall = (top + kernel[0]).clamp(max=size[0]) - top
        wide = (left + kernel[1]).clamp(max=size[1]) - left
        x = x / (tall[:, None] * wide)
    ones = x.new_ones(x.shape[1], 1, *kernel)
    y = F.conv_transpose2d(x, ones, stride=stride, groups=x.shape[1])
    y = y[:, :, : size[0], : size[1]]
    return F.pad(y, (0, size[1] - y.shape[3], 0, size[0] - y.shape[2]))


def mean_backward(
    x: torch.Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    size: tuple[int, int],
) -> torch.Tensor:
    """Each element over its whole window; its gradient is the mean over the window."""
    spread = unpool_windows(x, kernel, stride, size)
    whole = unpool_windows(x.detach(), kernel, stride, size, mean=False)
    return whole + (spread - spread.detach())
