"""GRIDPooling: the largest number in each part of a grid, of caffe-face-attributes."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F


@register("GRIDPooling")
class GRIDPooling(Layer):
    """Cut a map into pooled_h x pooled_w parts, which may overlap by a pixel; each one's maximum.

    (n, c, h, w) to (n, c, pooled_h, pooled_w). Source: GRIDPoolingLayer of JiajianZeng's
    caffe-face-attributes.
    """

    param = "grid_pooling_param"
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "GRIDPooling" bottom: "x" top: "y" '
            "grid_pooling_param { pooled_h: 2 pooled_w: 3 } }",
            {"x": (2, 3, 7, 8)},
            {"y": (2, 3, 2, 3)},
            "y = F.adaptive_max_pool2d(x, (2, 3))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        self.check_positive("pooled_h", "pooled_w")
        if len(x) != 4 or not min(x[2:]):
            raise LayerError("it takes maps (n, c, h, w) with pixels", "bottom", 0)
        return ((*x[:2], self.p.pooled_h, self.p.pooled_w),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(F.adaptive_max_pool2d, *bottoms, (self.p.pooled_h, self.p.pooled_w))
