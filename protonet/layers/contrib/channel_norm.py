"""ChannelNorm: the length of each place's vector, of FlowNet2's fork."""

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr


@register("ChannelNorm")
class ChannelNorm(Layer):
    """The euclidean length of the channels of each place.

    (n, c, h, w) to (n, 1, h, w). Source: FlowNet2's ChannelNormLayer.
    """

    backward_reads = ("bottoms", "tops")
    keeps = ("bottoms", "tops")
    examples = (
        Example(
            'layer { name: "l" type: "ChannelNorm" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 5)},
            {"y": (2, 1, 4, 5)},
            "y = x.norm(dim=1, keepdim=True)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        return ((x[0], 1, *x[2:]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return x.norm(dim=1, keepdim=True)
