"""LabelsequenceAccuracy: how often all labels of a sequence are right, of crnn.caffe's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("LabelsequenceAccuracy")
class LabelsequenceAccuracy(Layer):
    """The share of sequences whose best classes, taken together, are the labels.

    Scores (n, time, classes) and labels (n, m), from both of which blank_label is left out, to one
    number. Source: LabelsequenceAccuracyLayer of xmfbit's warpctc-caffe and of crnn.caffe.
    """

    param = "labelsequence_accuracy_param"
    bottoms = (2, 2)
    constants = (0, 1)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "LabelsequenceAccuracy" bottom: "x" bottom: "label" top: "y" '
            "labelsequence_accuracy_param { blank_label: 4 } }",
            {"x": (2, 6, 5), "label": (2, 3)},
            {"y": ()},
            "y = sequences_right(x, label, 4)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        if len(x) < 3 or len(labels) < 2 or labels[0] != x[0] or 0 in x:
            what = f"it takes scores (n, time, classes) and labels (n, m), not {show(x)}"
            raise LayerError(f"{what} and {show(labels)}", "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        x = x if len(b.bottoms[0]) == 3 else x.flatten(2)
        labels = labels if len(b.bottoms[1]) == 2 else labels.flatten(1)
        return b.call(sequences_right, x, labels, self.p.blank_label)


def sequences_right(
    scores: torch.Tensor,
    labels: torch.Tensor,
    blank: int,
) -> torch.Tensor:
    """The share of sequences whose best classes, without repeats and blanks, are the labels."""
    best = scores.argmax(2)
    real = best != blank
    real[:, 1:] &= best[:, 1:] != best[:, :-1]
    right = 0
    for one, kept, other in zip(best, real, labels, strict=True):
        right += torch.equal(one[kept], other[other != blank].long())
    return scores.new_tensor(right / len(scores))
