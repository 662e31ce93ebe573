"""What detectors without prior boxes share, of yuqj1991's fork: truth, losses, suppression."""

from __future__ import annotations

from protonet.layers.base import LayerError, Shape, show
from protonet.program import torch

PLAIN, MARKED = 8, 19  # numbers in a row of the truth, without and with landmarks
MODES = ("full", "valid", "batch_size", "none")


def check_rows(truth: Shape, images: int | None, landmarks: bool, index: int) -> None:
    """LayerError unless the truth has rows of boxes for so many images; None for all together."""
    width = MARKED if landmarks else PLAIN
    if len(truth) == 4 and truth[:2] == (images or 1, 1) and truth[3] == width:
        return
    what = f"the truth has the shape {images or 1}x1xNx{width}, not {show(truth)}"
    words = (("yoloformat", images is not None), ("has_landmarks", landmarks))
    fields = " ".join(f"{name}: {str(value).lower()}" for name, value in words)
    hint = f"an AnnotatedData layer gives it with annotated_data_param {{ {fields} }}"
    raise LayerError(what, "bottom", index, hint=hint)


def marked_rows(rows: torch.Tensor) -> torch.Tensor:
    """Which rows of the truth say that they have landmarks, and have all of them above 0."""
    return (rows[:, 8:] > 0).all(1)


def sloped(x: torch.Tensor, value: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """A value whose gradient by x is the slope."""
    leading = (x * slope).sum()
    return value + (leading - leading.detach())


def divided(mode: str, images: int, counted: int) -> int:
    """What a sum is divided by, as LossLayer::GetNormalizer with one place an image."""
    sizes = {"full": images, "valid": counted or images, "batch_size": images}
    return max(1, sizes.get(mode, 1))


def bump_reach(size: torch.Tensor) -> torch.Tensor:
    """How many places around a centre boxes (n, 2) of a width and height heat, at least 0.

    Source: gaussian_radius, whose roots are not divided by their leading coefficients, as in
    CornerNet's first version; a shift by so much overlaps the box by 0.7 in one of three ways.
    """
    least = 0.7
    around, area = size.sum(1), size.prod(1)
    first = (around + (around**2 - 4 * area * (1 - least) / (1 + least)).sqrt()) / 2
    second = (2 * around + (4 * around**2 - 16 * (1 - least) * area).sqrt()) / 2
    third = 4 * least**2 * around**2 + 16 * least * (1 - least) * area
    third = (third.sqrt() - 2 * least * around) / 2
    return torch.minimum(torch.minimum(first, second), third).long().clamp(min=0)


def drawn_heat(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The heat of true boxes (m, 8 or 19) on maps like these (n, classes, h, w).

    1 at the centre of each of more than 4 places, falling as a Gaussian; the greatest counts.
    """
    heat = torch.zeros_like(like)
    height, width = like.shape[2:]
    side = rows.new_tensor([width, height])
    low, high = rows[:, 3:5] * side, rows[:, 5:7] * side
    reach = bump_reach(high - low)[:, None]
    rows = torch.cat([rows[:, :2], (low + high) / 2, reach], 1)
    rows = rows[(high - low).prod(1) * 16 > 64]
    y = torch.arange(height, device=like.device)[:, None]
    x = torch.arange(width, device=like.device)
    for image, label, j, i, r in rows.long().tolist():
        if not 1 <= label <= like.shape[1]:
            what = f"a true box has the label {label}, the last is {like.shape[1]}"
            raise ValueError(what)
        part = (slice(max(i - r, 0), i + r + 1), slice(max(j - r, 0), j + r + 1))
        squared = ((y - i) ** 2 + (x - j) ** 2)[part]
        bump = (-18 * squared / (2 * r + 1) ** 2).to(heat).exp()
        plane = heat[image, label - 1]
        plane[part] = torch.maximum(plane[part], bump)
    return heat


def heatmap_focal(x: torch.Tensor, heat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """CenterNet's focal loss of the scores before the sigmoid, and its slope.

    Places of heat 1 are right, all others wrong, the less so the hotter they are.
    """
    tiny = torch.finfo(torch.float32).tiny
    p = x.sigmoid()
    q, right = 1 - p, heat == 1
    sure, unsure = p.clamp(min=tiny).log(), q.clamp(min=tiny).log()
    cold = (1 - heat) ** 4 * (heat < 1)
    loss = torch.where(right, -(q**2) * sure, -cold * p**2 * unsure)
    missed = q**2 * (2 * p * sure - q)
    slope = torch.where(right, missed, cold * p**2 * (p - 2 * q * unsure))
    return loss.sum(), slope


def unsuppressed(boxes: torch.Tensor, areas: torch.Tensor, threshold: float) -> torch.Tensor:
    """The places of the boxes to keep, of (n, 4) boxes in the order of falling scores.

    As the fork has it, a pixel is added to the sides of what two boxes share and not to their own
    areas, so that very small boxes suppress none. Source: hard_nms.
    """
    left = torch.arange(len(boxes), device=boxes.device)
    kept = [left[:0]]
    while len(left):
        first, left = left[:1], left[1:]
        low = torch.maximum(boxes[first, :2], boxes[left, :2])
        high = torch.minimum(boxes[first, 2:], boxes[left, 2:])
        shared = (high - low + 1).clamp(min=0).prod(1)
        overlap = shared / (areas[first] + areas[left] - shared)
        kept.append(first)
        left = left[overlap <= threshold]
    return torch.cat(kept)


def rows_of_images(found: list[torch.Tensor], width: int) -> torch.Tensor:
    """The rows of all images behind their numbers, (1, 1, n, width); -1 where there are none."""
    if sum(len(rows) for rows in found) == 0:
        found = [rows.new_full((1, width - 1), -1) for rows in found]
    numbered = [
        torch.cat([rows.new_full((len(rows), 1), image), rows], 1)
        for image, rows in enumerate(found)
    ]
    return torch.cat(numbered)[None, None]
