"""What DetectNet draws for an image and its boxes, done: hues, rotations, the grid of coverage."""

from __future__ import annotations

import math

from protonet.program import F, torch


def nearest_whole(x: float) -> int:
    """The nearest whole number, halves away from zero."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def with_hue(image: torch.Tensor, degrees: float, saturation: float) -> torch.Tensor:
    """An image (3, h, w), blue first and of 0 to 1, with hues turned and saturation scaled."""
    blue, green, red = image
    value = image.amax(0)
    spread = value - image.amin(0)
    step = 60 / (spread + 1.1920929e-7)
    hue = (red - green) * step + 240
    hue = torch.where(value == green, (blue - red) * step + 120, hue)
    hue = torch.where(value == red, (green - blue) * step, hue)
    chroma = value * (spread / (value.abs() + 1.1920929e-7) * saturation)
    sector = image.new_tensor([1, 3, 5])[:, None, None]
    sector = (sector + (hue + degrees) / 60) % 6
    return value - chroma * torch.minimum(sector, 4 - sector).clamp(0, 1)


def rotation_of(
    size: tuple[int, int],
    degrees: float,
) -> tuple[list[list[float]], list[float], tuple[int, int]]:
    """The turn of an image of this width and height, its shift, and the new size.

    Source: getTransformationMatrix and getRotatedSize of NVIDIA's DetectNetTransformationLayer.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half = size[0] / 2, size[1] / 2
    reach = (
        abs(cos) * half[0] + abs(sin) * half[1],
        abs(sin) * half[0] + abs(cos) * half[1],
    )
    low = [math.floor(c - r) for c, r in zip(half, reach, strict=True)]
    shift = [
        half[0] - low[0] - cos * half[0] + sin * half[1],
        half[1] - low[1] - sin * half[0] - cos * half[1],
    ]
    # The size is that around a whole center.
    ends = [(int(c) - r, int(c) + r) for c, r in zip(half, reach, strict=True)]
    wide, high = (math.ceil(b) - math.floor(a) + 1 for a, b in ends)
    return [[cos, -sin], [sin, cos]], shift, (wide, high)


def rotated(image: torch.Tensor, degrees: float) -> torch.Tensor:
    """An image (3, h, w) turned, and made larger to hold it, with zeros around."""
    height, width = image.shape[1:]
    turn, shift, size = rotation_of((width, height), degrees)
    x = torch.arange(size[0], device=image.device)
    y = torch.arange(size[1], device=image.device)
    place = torch.stack(torch.meshgrid(x, y, indexing="xy"), 2)
    source = (place - image.new_tensor(shift)) @ image.new_tensor(turn)
    limit = image.new_tensor([width - 1, height - 1])
    inside = ((source >= 0) & (source.floor() < limit)).all(2)
    grid = (source / limit * 2 - 1)[None]
    return F.grid_sample(image[None], grid, align_corners=True)[0] * inside


def shrunk(
    boxes: torch.Tensor,
    share: float,
    least: int | None,
    most: int | None,
) -> torch.Tensor:
    """What counts as covered by boxes (n, 4) by corners: their middle.

    It is a share of their sides, at least so long, if they are, or at most.
    """
    side = boxes[:, 2:] - boxes[:, :2]
    part = side * share
    if least is not None:
        part = torch.minimum(side, part.clamp(min=least))
    if most is not None:
        part = part.clamp(max=most)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([middle - part / 2, middle + part / 2], 1)


def covered_grid(
    boxes: torch.Tensor,
    areas: torch.Tensor,
    labels: list[int],
    classes: int,
    cells: tuple[int, int],
    stride: int,
    normed: bool,
) -> torch.Tensor:
    """Foreground, box, inverse size, norm and coverages of cells, (8 + classes, rows, columns).

    A later box hides an earlier one.
    """
    grid = boxes.new_zeros(8 + classes, *cells)
    y, x = torch.arange(cells[0]), torch.arange(cells[1])
    corner = torch.stack(torch.meshgrid(x, y, indexing="xy"), 2).to(boxes) * stride
    for box, area, label in zip(boxes, areas, labels, strict=True):
        low = torch.maximum(corner, area[:2])
        high = torch.minimum(corner + stride, area[2:])
        shared = (high - low).clamp(min=0).prod(2)
        covered = shared / stride**2 > 1.1920929e-7
        norm = stride**2 / (area[2:] - area[:2]).prod()
        norm = norm if normed else norm.clamp(min=1)
        grid[:, covered] = 0
        grid[0, covered] = 1
        grid[1:3, covered] = (box[:2] - corner[covered]).t()
        grid[3:5, covered] = (box[2:] - corner[covered]).t()
        grid[5:7, covered] = 1 / (box[2:] - box[:2])[:, None]
        grid[7, covered] = norm
        grid[8 + label, covered] = 1
    return grid
