"""PReLU: a rectifier whose slope below zero is learned."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn
from protonet.schema.pool import Message, message


@register("PReLU")
class PReLU(Layer):
    """x where positive, else a learned slope times x, one for each channel or one for all.

    (n, c, ...), kept. Source: Caffe's PReLULayer.
    """

    param = "prelu_param"
    may_run_in_place = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "prelu1" type: "PReLU" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.prelu1 = nn.PReLU(3)",
        ),
    )

    def reads_backward(self) -> tuple[str, ...]:
        """The bottom, of which the layer keeps a copy where it works in place."""
        in_place = self.message.bottom[0] == self.message.top[0]
        return () if in_place else ("bottoms",)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms[0]) < 2:
            raise LayerError("it takes at least 2 axes, (n, c)", "bottom", 0)
        return bottoms

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = () if self.p.channel_shared else bottoms[0][1:2]
        return (Blob("weight", shape, self.filler(), held=shape or (1,)),)

    def filler(self) -> Message:
        """A quarter, where none is stated."""
        if self.has("filler"):
            return self.p.filler
        quarter = message("FillerParameter")
        quarter.value = 0.25
        return quarter

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.module(nn.PReLU, 1 if self.p.channel_shared else b.bottoms[0][1])(x)
