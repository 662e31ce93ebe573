"""MultiLabelLoss: cross entropy of labels that are 1, -1 or 0 for unknown."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, F, torch


@register("MultiLabelLoss")
class MultiLabelLoss(Layer):
    """The binary cross entropy of logits, where a label is above or below 0, over the batch size.

    Two bottoms (n, ...) of as many elements, one number; a label of 0 counts for nothing.
    Source: MultiLabelLossLayer of WilsonWangTHU's clothesDetection.
    """

    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "MultiLabelLoss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (4, 5), "label": (4, 5)},
            {"y": ()},
            "y = known_entropy(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, label = bottoms
        if count(x) != count(label):
            what = f"the shapes {show(x)} and {show(label)} have different numbers of elements"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, label = bottoms
        return b.call(known_entropy, x, label if b.bottoms[0] == b.bottoms[1] else label.view_as(x))


def known_entropy(x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """The cross entropy of the logits whose label is not 0, over the batch size."""
    wanted, known = (label > 0).to(x.dtype), (label != 0).to(x.dtype)
    total = F.binary_cross_entropy_with_logits(x, wanted, known, reduction="sum")
    return total / x.shape[0]
