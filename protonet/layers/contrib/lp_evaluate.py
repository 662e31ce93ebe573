"""LpEvaluate: whether licence plates are read right, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, torch


@register("LpEvaluate")
class LpEvaluate(Layer):
    """1 from the first row on whose seven characters are the labels, 0 before it.

    Characters (n, ...) and labels, seven a row, to (1, 1, n, 1). Of DetectionCcpdOutput's
    (1, 1, m, 7) n is 1, so that the first plate of a batch alone counts; and a right plate is
    counted for all behind it. Both are the fork's. No gradient.
    Source: LpEvaluateLayer of yuqj1991's caffe_train.
    """

    param = "lp_evaluate_param"
    bottoms = (2, 2)
    constants = (0, 1)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "LpEvaluate" bottom: "x" bottom: "label" top: "y" }',
            {"x": (1, 1, 4, 7), "label": (4, 7)},
            {"y": (1, 1, 1, 1)},
            "y = plates_right(x, label, 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        if not x or count(x) < 7 * x[0] or count(labels) < 7 * x[0]:
            what = f"it takes seven characters and labels a row, not {show(x)} and {show(labels)}"
            raise LayerError(what, "bottom", 1)
        return ((1, 1, x[0], 1),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(plates_right, *bottoms, b.bottoms[0][0])


def plates_right(x: torch.Tensor, labels: torch.Tensor, rows: int) -> torch.Tensor:
    """Whether one of the rows so far is right, (1, 1, rows, 1)."""
    flat = (one.detach().flatten() for one in (x, labels))
    read, true = (one[: 7 * rows].view(rows, 7) for one in flat)
    right = (read == true).all(1).cumsum(0) > 0
    return right.to(x.dtype).view(1, 1, rows, 1)
