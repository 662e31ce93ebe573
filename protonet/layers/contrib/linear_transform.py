"""LinearTransform: a matrix without a bias, of DeViSE's fork."""

from __future__ import annotations

from protonet.layers.base import ALL, Example, Layer, Reach, Shape, canonical_axis, count, register
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn


@register("LinearTransform")
class LinearTransform(Layer):
    """Multiply the axes from ``axis`` on, flattened, with a matrix.

    (n, ...) to (n, num_output). Without ``backprop`` nothing below takes a gradient.
    Source: LinearTransformLayer of Qi-Xian's DeVise.
    """

    param = "linear_transform_param"
    backward_reads = ("bottoms",)
    kind = "dense"
    ignores = ("verbose",)
    examples = (
        Example(
            'layer { name: "fc" type: "LinearTransform" bottom: "x" top: "y" '
            "linear_transform_param { num_output: 5 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 5)},
            "y = self.fc(x.flatten(1))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        axis = canonical_axis(self.p.axis, x)
        self.check_positive("num_output")
        return ((*x[:axis], self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        inputs = count(x, canonical_axis(self.p.axis, x))
        return (Blob("weight", (self.p.num_output, inputs), self.p.weight_filler),)

    def constant_bottoms(self) -> tuple[int, ...]:
        return () if self.p.backprop else (0,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        axis = canonical_axis(self.p.axis, b.bottoms[0])
        inputs = count(b.bottoms[0], axis)
        linear = b.module(nn.Linear, inputs, self.p.num_output, bias=False)
        return linear(x if axis == len(b.bottoms[0]) - 1 else x.flatten(axis))

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * int(self.p.num_output)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return ALL
