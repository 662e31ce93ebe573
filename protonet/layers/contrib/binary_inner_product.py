"""BinaryInnerProduct: sums of inputs by the signs of weights."""

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


@register("BinaryInnerProduct")
class BinaryInnerProductLayer(Layer):
    """Multiply the axes from ``axis`` on, flattened, with the signs of a matrix, and add a bias.

    (n, ...) to (n, num_output), by inner_product_param; the matrix has the gradient of its signs.
    With use_alpha the signs of a row are times the mean of its absolute values, without
    use_binarization it is an InnerProduct.
    Source: BinaryInnerProductLayer of zhaoweicai's hwgq.
    """

    param = "inner_product_param"
    backward_reads = ("bottoms",)
    kind = "dense"
    refuses = INNER_PRODUCT
    examples = (
        Example(
            'layer { name: "fc7" type: "BinaryInnerProduct" bottom: "x" top: "y" '
            "inner_product_param { num_output: 5 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 5)},
            "self.fc7 = BinaryLinear(48, 5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        self.check_positive("num_output")
        for field in ("transpose", "normalize"):
            if getattr(self.p, field):
                raise LayerError(f"{field} is not done by this type", field)
        return ((*x[: canonical_axis(self.p.axis, x)], self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        inputs = count(x, canonical_axis(self.p.axis, x))
        return weight_and_bias(self.p, (self.p.num_output, inputs), (self.p.num_output,))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        shape, binary = b.bottoms[0], self.message.binary_inner_product_param
        axis = canonical_axis(self.p.axis, shape)
        is_binary = binary.use_binarization
        linear = b.module(
            BinaryLinear if is_binary else nn.Linear,
            count(shape, axis),
            self.p.num_output,
            bias=self.p.bias_term,
            **({"scaled": True} if is_binary and binary.use_alpha else {}),
        )
        return linear(x if axis == len(shape) - 1 else x.flatten(axis))

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * int(self.p.num_output)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return ALL


class BinaryLinear(nn.Linear):
    """A matrix by the signs of its weights, times their mean size where it is scaled."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        scaled: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self.scaled = scaled

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's own name)
        signs = torch.where(self.weight.detach() >= 0, 1.0, -1.0)
        if self.scaled:
            signs = signs * self.weight.detach().abs().mean(1, keepdim=True)
        # The gradient goes to the weight itself.
        weight = signs + (self.weight - self.weight.detach())
        return F.linear(input, weight, self.bias)
