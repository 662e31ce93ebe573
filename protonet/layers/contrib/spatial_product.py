"""SpatialProduct: the channels of each pixel times one number."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("SpatialProduct")
class SpatialProduct(Layer):
    """Multiply all channels of a pixel by the second bottom's number for it.

    (n, c, h, w) and (n, 1, h, w) to (n, c, h, w). Source: SpatialProductLayer of DeepLab's and
    Kinpzz's Caffe forks.
    """

    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "SpatialProduct" bottom: "x" bottom: "weight" top: "y" }',
            {"x": (2, 3, 4, 5), "weight": (2, 1, 4, 5)},
            {"y": (2, 3, 4, 5)},
            "y = x * weight",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, weight = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        wanted = (x[0], 1, *x[2:])
        if weight != wanted:
            what = f"{show(x)} takes a factor of {show(wanted)}, not {show(weight)}"
            raise LayerError(what, "bottom", 1)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, weight = bottoms
        return x * weight
