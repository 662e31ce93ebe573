"""True boxes as the detectors' layers of SSD's fork take them."""

from __future__ import annotations

from protonet.program import torch


def of_objects(truth: torch.Tensor, background: int) -> torch.Tensor:
    """True boxes (n, 8) with rows of image, label and more, as they are.

    ValueError where one is of the background, which the fork refuses, or below 0; a background of
    -1 is none. Source: GetGroundTruth.
    """
    if background < 0:
        return truth
    label = truth[truth[:, 0] != -1, 1]
    wrong = label[(label == background) | (label < 0)]
    if len(wrong):
        what = "the background's" if wrong[0] == background else "below 0"
        raise ValueError(f"a true box has the label {wrong[0]:g}, {what}")
    return truth
