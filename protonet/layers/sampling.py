"""What layers share that look a map up at places between its pixels."""

from __future__ import annotations

from protonet.program import torch


def looked_up(image: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The pixels (n, c, h, w) of an image at whole places (n, h, w), which are inside of it."""
    n, channels, _, width = image.shape
    index = (y * width + x).flatten(1).unsqueeze(1).expand(-1, channels, -1)
    return image.flatten(2).gather(2, index).view(n, channels, *x.shape[1:])


def between(
    image: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    left: torch.Tensor,
    right: torch.Tensor,
    upper: torch.Tensor,
    lower: torch.Tensor,
) -> torch.Tensor:
    """The bilinear mixture at (x, y) of the pixels in the columns and rows around it."""
    a, b = (x - left).unsqueeze(1), (y - upper).unsqueeze(1)
    first = (1 - a) * looked_up(image, left, upper) + a * looked_up(image, right, upper)
    last = (1 - a) * looked_up(image, left, lower) + a * looked_up(image, right, lower)
    return (1 - b) * first + b * last


def interpolated(
    x: torch.Tensor,
    image: torch.Tensor,
    y: torch.Tensor,
    z: torch.Tensor,
) -> torch.Tensor:
    """The map at rows (k, a) and columns (k, b), bilinear, its border kept up: (k, c, a, b)."""
    height, width = x.shape[2:]
    y, z = y.clamp(0, height - 1)[:, :, None], z.clamp(0, width - 1)[:, None]
    top, left = y.long(), z.long()
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    image = image[:, None, None]
    down, across = (y - top)[..., None], (z - left)[..., None]
    upper = torch.lerp(x[image, :, top, left], x[image, :, top, right], across)
    lower = torch.lerp(x[image, :, bottom, left], x[image, :, bottom, right], across)
    return torch.lerp(upper, lower, down).permute(0, 3, 1, 2)


def affine_places(theta: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Where maps (n, 6) send a grid's rows and columns, from -1 to less than 1: (n, 2, h, w)."""
    row = torch.arange(height, device=theta.device).to(theta)[:, None] / height * 2 - 1
    column = torch.arange(width, device=theta.device).to(theta) / width * 2 - 1
    maps = theta.reshape(-1, 2, 3, 1, 1)
    return maps[:, :, 0] * row + maps[:, :, 1] * column + maps[:, :, 2]
