"""Flip: mirror images."""

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr


@register("Flip")
class Flip(Layer):
    """Turn the order of the columns round, of the rows, or of both.

    (n, c, h, w), kept. Source: happynear's Caffe fork, FlipLayer.
    """

    param = "flip_param"
    examples = (
        Example(
            'layer { name: "l" type: "Flip" bottom: "x" top: "y" flip_param { flip_width: true } }',
            {"x": (2, 3, 4, 5)},
            {"y": (2, 3, 4, 5)},
            "y = x.flip(3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms[0]) != 4:
            what = f"it takes 4 axes (n, c, h, w), not {len(bottoms[0])}"
            raise LayerError(what, "bottom", 0)
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        axes = [2] * self.p.flip_height + [3] * self.p.flip_width
        return x.flip(*axes) if axes else x
