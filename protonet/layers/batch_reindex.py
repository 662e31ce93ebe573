"""BatchReindex: items of a batch, chosen by number."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register
from protonet.program import Builder, Expr


@register("BatchReindex")
class BatchReindex(Layer):
    """Take the items of the first bottom that the second one numbers, in its order.

    (n, ...) and (m,) to (m, ...). Source: Caffe's BatchReindexLayer.
    """

    bottoms = (2, 2)
    keeps = ()
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "BatchReindex" bottom: "x" bottom: "i" top: "y" }',
            {"x": (4, 3), "i": (6,)},
            {"y": (6, 3)},
            "y = x[i.long()]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, index = bottoms
        if len(index) != 1:
            raise LayerError(f"the numbers have 1 axis, not {len(index)}", "bottom", 1)
        if not x:
            raise LayerError("it takes items of at least 1 axis, not a scalar", "bottom", 0)
        return ((index[0], *x[1:]),)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 8 * count(bottoms[1])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, index = bottoms
        return x[index.long()]
