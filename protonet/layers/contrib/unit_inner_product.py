"""UnitInnerProduct: InnerProduct with weights of length one, of happynear's fork."""

from __future__ import annotations

from protonet.layers.base import (
    ALL,
    Example,
    Layer,
    LayerError,
    Reach,
    Shape,
    canonical_axis,
    count,
    register,
)
from protonet.layers.blob import Blob, weight_and_bias
from protonet.layers.forks import INNER_PRODUCT
from protonet.program import Builder, Expr, F, nn, torch


@register("UnitInnerProduct")
class UnitInnerProduct(Layer):
    """What InnerProduct is with normalize: each output's weights have the length one.

    (n, ...) to (n, num_output). Each pass in training divides the weights by their lengths,
    sqrt(sum of squares + 1e-6); their gradient is a plain inner product's. The fork divides in
    testing, too, which changes nothing more. Source: InnerProductLayer of happynear's Caffe fork.
    """

    param = "inner_product_param"
    backward_reads = ("bottoms",)
    kind = "dense"
    refuses = INNER_PRODUCT
    examples = (
        Example(
            'layer { name: "cosine" type: "InnerProduct" bottom: "x" top: "y" '
            "inner_product_param { num_output: 5 bias_term: false normalize: true } }",
            {"x": (2, 12)},
            {"y": (2, 5)},
            "self.cosine = UnitLinear(12, 5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        self.check_positive("num_output")
        if self.p.transpose:
            what = "normalize takes transposed weights for rows, which they are not"
            raise LayerError(what, "transpose")
        return ((*x[: canonical_axis(self.p.axis, x)], self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        inputs = count(x, canonical_axis(self.p.axis, x))
        return weight_and_bias(self.p, (self.p.num_output, inputs), (self.p.num_output,))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        shape = b.bottoms[0]
        axis = canonical_axis(self.p.axis, shape)
        bias = bool(self.p.bias_term)
        linear = b.module(UnitLinear, count(shape, axis), self.p.num_output, bias=bias)
        return linear(x if axis == len(shape) - 1 else x.flatten(axis))

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * int(self.p.num_output)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return ALL


class UnitLinear(nn.Module):
    """Inner products with learned vectors of length one."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = self.weight.detach()
        unit = given / (given.square().sum(1, keepdim=True) + 1e-6).sqrt()
        if self.training:
            self.weight.data.copy_(unit)
        # The gradient of the weights does not go through their lengths.
        return F.linear(x, unit + (self.weight - self.weight.detach()), self.bias)
