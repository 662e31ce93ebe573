"""SimpleNormalize: items of length one, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, check_legacy, register
from protonet.program import Builder, Expr


@register("SimpleNormalize")
class SimpleNormalize(Layer):
    """Divide each item by its length, whose zeros give no number.

    (n, ...) to (n, c, h, w), with ones for the axes that there are not.
    Source: SimpleNormalizeLayer of yuqj1991's caffe_train.
    """

    backward_reads = ("bottoms", "tops")
    kind = "normalisation"
    examples = (
        Example(
            'layer { name: "l" type: "SimpleNormalize" bottom: "x" top: "y" }',
            {"x": (2, 5)},
            {"y": (2, 5, 1, 1)},
            "y = (x / x.square().sum(1, keepdim=True).sqrt())[..., None, None]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        check_legacy(bottoms)
        if not x:
            raise LayerError("it takes items, not a single number", "bottom", 0)
        return ((*x, 1, 1, 1)[:4],)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        axes = len(b.bottoms[0])
        over = tuple(range(1, axes))
        squared = x.square()
        if over:
            squared = squared.sum(over if axes != 2 else 1, keepdim=True)
        y: Expr = x / squared.sqrt()
        index = (Ellipsis, *(None,) * (4 - axes))
        return y[index] if axes < 4 else y
