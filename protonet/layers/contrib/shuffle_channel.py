"""ShuffleChannel: mix the channels of several groups."""

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F


@register("ShuffleChannel")
class ShuffleChannel(Layer):
    """Take the channels of each group in turn: the first of every group, then the second.

    (n, c, ...), kept. Source: ShuffleNet's Caffe fork (farmingyard), ShuffleChannelLayer.
    """

    param = "shuffle_channel_param"
    kind = "shape"
    examples = (
        Example(
            'layer { name: "shuffle1" type: "ShuffleChannel" bottom: "x" top: "y" '
            "shuffle_channel_param { group: 3 } }",
            {"x": (2, 6, 4, 4)},
            {"y": (2, 6, 4, 4)},
            "y = F.channel_shuffle(x, 3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) < 2:
            raise LayerError("it takes at least 2 axes, (n, c)", "bottom", 0)
        if self.p.group < 1 or x[1] % self.p.group:
            raise LayerError(f"group {self.p.group} does not divide {x[1]} channels", "group")
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        if len(b.bottoms[0]) > 2:
            return b.call(F.channel_shuffle, x, self.p.group)
        return x.unflatten(1, (self.p.group, -1)).transpose(1, 2).flatten(1)
