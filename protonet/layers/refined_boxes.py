"""Prior boxes that a first stage of a detector moves and screens, of RefineDet's fork."""

from __future__ import annotations

from protonet.layers.base import LayerError, Shape, count, show
from protonet.layers.boxes import decode_boxes
from protonet.layers.multibox import MultiBoxLoss
from protonet.program import torch


def check_first_stage(bottoms: tuple[Shape, ...], first: int) -> None:
    """LayerError unless the first stage's bottoms have two scores and an offset for each prior."""
    boxes = count(bottoms[2], 2) // 4
    for index, (x, each) in enumerate(zip(bottoms[first:], (2, 4), strict=False), first):
        if count(x, 1) != boxes * each or x[0] != bottoms[0][0]:
            what = f"{boxes} prior boxes take {boxes * each} numbers of the first stage an image"
            raise LayerError(f"{what}, not {show(x)}", "bottom", index)


def refined_priors(
    priors: torch.Tensor,
    first_offsets: torch.Tensor,
    code: str,
    variance_encoded: bool = False,
) -> torch.Tensor:
    """The prior boxes of each image where the first stage's offsets put them, (n, boxes, 4)."""
    prior, variance = priors.reshape(2, -1, 4)
    variance = torch.ones_like(variance) if variance_encoded else variance
    first_offsets = first_offsets.detach().reshape(len(first_offsets), -1, 4)
    return decode_boxes(prior, variance, first_offsets, code)


def refined_loss(
    loss: MultiBoxLoss,
    offsets: torch.Tensor,
    scores: torch.Tensor,
    priors: torch.Tensor,
    truth: torch.Tensor,
    first_scores: torch.Tensor,
    first_offsets: torch.Tensor,
    objectness: float = 0.01,
    normalization: str = "valid",
) -> torch.Tensor:
    """A MultiBoxLoss, which divides by nothing, from refined priors; those of no object are none.

    What matches a true box counts, whatever its objectness.
    """
    refined = refined_priors(priors, first_offsets, loss.code, loss.variance_encoded)
    boxes, variance = refined.shape[1], priors.reshape(2, -1, 4)[1]
    objects = first_scores.detach().reshape(len(refined), boxes, 2)[..., 1] >= objectness
    offsets, truth = offsets.reshape(len(refined), boxes, 4), truth.reshape(-1, 8)
    scores = scores.reshape(len(refined), boxes, -1)
    total, matched = scores.new_zeros(()), 0
    for image in range(len(refined)):
        rows = truth[truth[:, 0] == image].clone()
        rows[:, 0] = 0
        real = rows if loss.use_difficult else rows[rows[:, 7] == 0]
        keep = objects[image]
        if len(real):
            match = loss.matches(refined[image, :, None], refined[image], real)[0][:, 0]
            keep, matched = keep | (match >= 0), matched + int((match >= 0).sum())
        own = torch.stack([refined[image, keep], variance[keep]]).reshape(1, 2, -1)
        given = (part[image, keep].reshape(1, -1) for part in (offsets, scores))
        total = total + loss(*given, own, rows)
    sizes = {"full": len(refined) * boxes, "valid": matched, "batch_size": len(refined)}
    return total / max(sizes.get(normalization, 1), 1)


def screened_scores(
    scores: torch.Tensor, first_scores: torch.Tensor, classes: int, objectness: float = 0.01
) -> torch.Tensor:
    """The scores, of the background alone where the first stage sees no object."""
    shown = scores.reshape(len(scores), -1, classes)
    empty = first_scores.reshape(len(scores), -1, 2)[..., 1:] < objectness
    background = torch.zeros_like(shown)
    background[..., 0] = 1
    return torch.where(empty, background, shown)
