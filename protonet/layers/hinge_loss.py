"""HingeLoss: one against all, with a margin of one."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, check_legacy, register
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, F, torch

_L2 = 2


@register("HingeLoss")
class HingeLoss(Layer):
    """The sum of max(0, 1 - s x), s being 1 at the label and -1 elsewhere, over the batch size.

    Scores (n, ...), labels (n,), one number; the squares for norm L2.
    Source: Caffe's HingeLossLayer.
    """

    param = "hinge_loss_param"
    bottoms = (2, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "HingeLoss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (4, 5), "label": (4,)},
            {"y": ()},
            "y = hinge_loss(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        check_legacy(bottoms[:1])
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(hinge_loss, *bottoms, squared=self.p.norm == _L2)


def hinge_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    squared: bool = False,
) -> torch.Tensor:
    """The hinge loss of every class against the others, over the batch size."""
    scores = scores.unsqueeze(-1).flatten(1)
    label = labels.flatten()[: scores.shape[0]].long()
    own = F.one_hot(label, scores.shape[1]).to(scores.dtype)
    lack = F.relu(1 + (1 - 2 * own) * scores)
    return (lack.square() if squared else lack).sum() / scores.shape[0]
