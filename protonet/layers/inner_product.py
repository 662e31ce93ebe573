"""InnerProduct: every output is a weighted sum of all inputs."""

from __future__ import annotations

from protonet.layers.base import (
    ALL,
    Example,
    Layer,
    Reach,
    Shape,
    canonical_axis,
    count,
    register,
)
from protonet.layers.blob import Blob, BlobLayout, weight_and_bias
from protonet.layers.forks import INNER_PRODUCT
from protonet.program import Builder, Expr, nn
from protonet.schema.pool import Message


@register("InnerProduct")
class InnerProduct(Layer):
    """Multiply the axes from ``axis`` on, flattened, with a matrix and add a bias.

    (n, ...) to (n, num_output). With a second bottom, or with normalize, it is happynear's, a
    GivenInnerProduct or a UnitInnerProduct here. Source: Caffe's InnerProductLayer.
    """

    param = "inner_product_param"
    backward_reads = ("bottoms",)
    kind = "dense"
    refuses = INNER_PRODUCT
    examples = (
        Example(
            'layer { name: "fc6" type: "InnerProduct" bottom: "x" top: "y" '
            "inner_product_param { num_output: 5 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 5)},
            "y = self.fc6(x.flatten(1))",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        if len(message.bottom) > 1:
            return "GivenInnerProduct"
        return "UnitInnerProduct" if message.inner_product_param.normalize else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        axis = canonical_axis(self.p.axis, x)
        self.check_positive("num_output")
        return ((*x[:axis], self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        inputs = count(x, canonical_axis(self.p.axis, x))
        weight = (self.p.num_output, inputs)
        layout = BlobLayout.TRANSPOSED if self.p.transpose else BlobLayout.PLAIN
        weight = weight[::-1] if self.p.transpose else weight
        return weight_and_bias(self.p, weight, (self.p.num_output,), layout)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        shape = b.bottoms[0]
        axis = canonical_axis(self.p.axis, shape)
        inputs = count(shape, axis)
        linear = b.module(nn.Linear, inputs, self.p.num_output, bias=self.p.bias_term)
        return linear(x if axis == len(shape) - 1 else x.flatten(axis))

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        (x,) = bottoms
        return count(x) * int(self.p.num_output)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return ALL
