"""Which of the objects found in an image are right, as Cascade R-CNN's fork says it."""

from __future__ import annotations

from protonet.layers.regions import region_overlap
from protonet.layers.truth import check_labels
from protonet.program import torch


def region_evaluate(
    found: torch.Tensor,
    truth: torch.Tensor,
    classes: int,
    threshold: float = 0.5,
    count_difficult: bool = True,
) -> torch.Tensor:
    """A count for each class, then a row for each object found, (k, 5, 1, 1).

    ``found`` has rows of image, x1, y1, x2, y2, class, chance, ``truth`` of image, x1, y1, x2, y2,
    label, ignored, difficult; the rows are of image, class, chance, right, wrong.
    """
    found, truth = found.detach().flatten(1), truth.detach().flatten(1)
    found = found[(found[:, 0] != -1) & (found[:, 5] != -1)]
    truth = truth[truth[:, 0] != -1]
    check_labels(truth[:, 5].clamp(min=0), classes)
    counted = truth if count_difficult else truth[truth[:, 7] == 0]
    rows = found.new_full((classes - 1, 5), -1)
    rows[:, 1] = torch.arange(1, classes, device=rows.device)
    rows[:, 2] = (counted[:, 5] == rows[:, 1:2]).sum(1)
    groups = [rows]
    for image, label in torch.unique(found[:, [0, 5]], dim=0).tolist():
        mine = found[(found[:, 0] == image) & (found[:, 5] == label)]
        real = truth[(truth[:, 0] == image) & (truth[:, 5] == label)]
        groups.append(judged(mine, real, threshold, count_difficult))
    return torch.cat(groups)[:, :, None, None]


def judged(
    found: torch.Tensor, truth: torch.Tensor, threshold: float, count_difficult: bool
) -> torch.Tensor:
    """The rows of the objects of one class in one image."""
    facts = found[:, [0, 5, 6]]
    if len(truth) == 0:
        return torch.cat([facts, found.new_tensor([0, 1]).expand(len(found), 2)], 1)
    order = found[:, 6].argsort(descending=True, stable=True)
    facts, boxes = facts[order], corner_sides(found[order])
    overlap, nearest = region_overlap(boxes, corner_sides(truth), "corners").max(1)
    taken = nearest[:, None] == torch.arange(len(truth), device=truth.device)
    hits = taken & (overlap >= threshold)[:, None]
    right = (hits & (hits.cumsum(0) == 1)).any(1)
    verdict = torch.stack([right, ~right], 1).to(found.dtype)
    if not count_difficult:
        passed_over = (overlap >= threshold) & (truth[nearest, 7] != 0)
        verdict = torch.where(passed_over[:, None], 0, verdict)
    return torch.cat([facts, verdict], 1)


def corner_sides(rows: torch.Tensor) -> torch.Tensor:
    """x, y, width and height of rows of image, x1, y1, x2, y2; corners are a part of them."""
    return torch.cat([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3] + 1], 1)
