"""CtcLoss: labels of a sequence without their places in time, of crnn.caffe's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.sequences import ctc_costs, given_gradient
from protonet.program import Builder, Expr, torch

_OTHERS = ("output_delay", "blank_index", "preprocess_collapse_repeated", "ctc_merge_repeated")


@register("CtcLoss")
class CtcLoss(Layer):
    """How unlikely the labels of each sequence are, -log p, the mean over the sequences.

    Scores (time, n, alphabet_size), of which time_step steps count, and labels (n, ...) from which
    blank_label is left out; to one number. As in the fork the gradient is that of the sum, and
    labels that don't fit their sequence count as 0. Source: CtcLossLayer of xmfbit's
    warpctc-caffe and of crnn.caffe, over Baidu's warp-ctc.
    """

    param = "ctc_loss_param"
    ignores = ("loss_calculation_t",)
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "CtcLoss" bottom: "x" bottom: "label" top: "y" '
            "ctc_loss_param { alphabet_size: 5 time_step: 6 blank_label: 4 } }",
            {"x": (6, 2, 5), "label": (2, 3)},
            {"y": ()},
            "y = ctc_loss(x, label, 6, 4)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        check_scores(x)
        for field in _OTHERS:
            if self.has(field):
                raise LayerError(f"{field} is a field of CTCLoss", field)
        self.check_positive("alphabet_size", "time_step")
        if self.p.alphabet_size != x[2]:
            what = f"alphabet_size is that of the scores, {x[2]} of {show(x)}"
            raise LayerError(f"{what}, not {self.p.alphabet_size}", "alphabet_size")
        if self.p.time_step > x[0]:
            what = f"time_step {self.p.time_step} is more than the {x[0]} steps of {show(x)}"
            raise LayerError(what, "time_step")
        if not 0 <= self.p.blank_label < x[2]:
            what = f"blank_label is one of {x[2]} labels, not {self.p.blank_label}"
            raise LayerError(what, "blank_label")
        if len(labels) < 2 or labels[0] != x[1]:
            what = f"{x[1]} sequences take labels (n, ...) for each, not {show(labels)}"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (ctc_costs, given_gradient):
            b.helper(helper)
        return b.call(ctc_loss, *bottoms, self.p.time_step, self.p.blank_label)


def check_scores(x: Shape) -> None:
    """LayerError where scores are no (time, n, classes), which a fourth axis of 1 may follow."""
    if len(x) < 3 or len(x) > 4 or x[3:] not in ((), (1,)) or 0 in x:
        raise LayerError(f"it takes scores (time, n, classes), not {show(x)}", "bottom", 0)


def ctc_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    steps: int,
    blank: int,
) -> torch.Tensor:
    """The mean cost of sequences, whose gradient is that of the sum."""
    scores, labels = scores.flatten(2), labels.flatten(1).long()
    real = labels != blank
    lengths = torch.full_like(real[:, 0], steps, dtype=torch.long)
    costs = ctc_costs(scores, labels[real], real.sum(1), lengths, blank)
    total = torch.where(costs.isinf(), 0, costs).sum()
    return given_gradient(total / len(costs), total)
