"""The labels of boxes, looked at before a loss or an evaluation takes them for others."""

from __future__ import annotations

from protonet.program import torch


def check_labels(
    labels: torch.Tensor,
    classes: int | None,
    background: int | None = None,
) -> None:
    """ValueError where a box is of none of the classes, all where None, or of the background.

    Source: the checks of SSD's bbox_util; the layers of other forks take such boxes for none.
    """
    wrong = labels < 0
    if classes is not None:
        wrong = wrong | (labels >= classes)
    if background is not None:
        wrong = wrong | (labels == background)
    if bool(wrong.any()):
        label = int(labels[wrong][0])
        what = f"none of {classes} classes"
        what = "the background's" if label == background else what
        raise ValueError(f"a box has the label {label}, {what}")
