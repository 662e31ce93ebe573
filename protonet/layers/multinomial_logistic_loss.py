"""MultinomialLogisticLoss: minus the logarithm of the probability of each label."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    check_legacy,
    count,
    register,
    show,
)
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, torch


@register("MultinomialLogisticLoss")
class MultinomialLogisticLoss(Layer):
    """Minus the mean logarithm of the probability at each label.

    Probabilities (n, ...), labels (n,), one number. Source: Caffe's MultinomialLogisticLossLayer.
    """

    bottoms = (2, 2)
    is_loss = True
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "MultinomialLogisticLoss" bottom: "x" '
            'bottom: "label" top: "y" }',
            {"x": (4, 5), "label": (4,)},
            {"y": ()},
            "y = multinomial_logistic_loss(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        check_legacy(bottoms)
        labels = bottoms[1]
        if count(labels, 1) != 1:
            raise LayerError(f"there is one label an item, not {show(labels)}", "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(multinomial_logistic_loss, *bottoms)


def multinomial_logistic_loss(
    probabilities: torch.Tensor,
    labels: torch.Tensor,
) -> torch.Tensor:
    """Minus the mean logarithm of each label's probability, which counts as at least 1e-20."""
    rows = probabilities.unsqueeze(-1).flatten(1)
    own = rows.gather(1, labels.reshape(-1, 1).long())
    # The gradient is minus one over the bounded probability, also where the bound holds.
    own.detach().clamp_min_(1e-20)
    return -own.log().mean()
