"""ChannelScale: multiply the channels of each place by one number."""

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr


@register("ChannelScale")
class ChannelScale(Layer):
    """Multiply all channels of a place by the second bottom's number for it.

    (n, c, ...) and (n, ...) or (n, 1, ...), to (n, c, ...). Source: happynear's Caffe fork,
    ChannelScaleLayer.
    """

    param = "channel_scale_param"
    backward_reads = ("bottoms",)
    bottoms = (2, 2)
    examples = (
        Example(
            'layer { name: "l" type: "ChannelScale" bottom: "x" bottom: "norm" top: "y" }',
            {"x": (2, 3, 4, 4), "norm": (2, 1, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x * norm",
        ),
        Example(
            'layer { name: "l" type: "ChannelScale" bottom: "x" bottom: "norm" top: "y" }',
            {"x": (2, 3), "norm": (2,)},
            {"y": (2, 3)},
            "y = x * norm.unsqueeze(1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, scale = bottoms
        for field in ("do_forward", "do_backward_feature", "do_backward_scale"):
            if not getattr(self.p, field):
                raise LayerError(f"{field}: false is not supported", field)
        if self.p.global_scale:
            raise LayerError("global_scale: true is not supported", "global_scale")
        if len(x) < 2 or scale[:1] != x[:1] or count(scale) * x[1] != count(x):
            what = f"the shape {show(scale)} is not one number for each place of {show(x)}"
            raise LayerError(what, "bottom", 1)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, scale = bottoms
        shape = b.bottoms[0]
        if b.bottoms[1] == (shape[0], 1, *shape[2:]):
            return x * scale
        flat = b.bottoms[1] == (shape[0], *shape[2:])
        return x * (scale.unsqueeze(1) if flat else scale.view_as(x[:, :1]))
