"""What layers share that know sequences of labels without their places in time."""

from __future__ import annotations

from protonet.program import F, torch


def ctc_costs(
    scores: torch.Tensor,
    labels: torch.Tensor,
    label_lengths: torch.Tensor,
    lengths: torch.Tensor,
    blank: int,
) -> torch.Tensor:
    """How unlikely each sequence's labels are, -log p; infinite where it is too short.

    Scores (time, n, classes), the labels of all sequences after one another.
    """
    classes = torch.arange(scores.shape[2], device=labels.device)
    labels = classes.gather(0, labels)  # an error where a label is none of the classes
    likely = scores.log_softmax(2)
    return F.ctc_loss(likely, labels, lengths, label_lengths, blank, "none")


def until_end(values: torch.Tensor, first: int) -> torch.Tensor:
    """How many steps (time, n) go on, from the first on: up to one that is false."""
    return first + values[first:].long().cumprod(0).sum(0)


def given_gradient(value: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """A number whose gradient is that of another."""
    return value.detach() + (total - total.detach())
