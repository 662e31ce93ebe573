"""BinaryConvolution: filters of which only the signs count."""

from __future__ import annotations

from protonet.layers.base import Example, LayerError, Shape, count, register, show
from protonet.layers.extent import Filters, convolved
from protonet.program import Builder, Expr, F, nn, torch


@register("BinaryConvolution")
class BinaryConvolutionLayer(Filters):
    """Cross-correlate images with the signs of the weights; the weights have their gradient.

    (n, c, h, w) to (n, num_output, h', w'), by convolution_param as a Convolution has it. With
    use_alpha the signs of each filter are times the mean of its weights' absolute values, without
    use_binarization it is a Convolution. Source: BinaryConvolutionLayer of zhaoweicai's hwgq;
    Rastegari et al., XNOR-Net (2016).
    """

    examples = (
        Example(
            'layer { name: "conv2" type: "BinaryConvolution" bottom: "x" top: "y" '
            "convolution_param { num_output: 8 kernel_size: 3 pad: 1 bias_term: false } "
            "binary_convolution_param { use_alpha: true } }",
            {"x": (2, 4, 9, 9)},
            {"y": (2, 8, 9, 9)},
            "self.conv2 = BinaryConv2d(4, 8, 3, padding=1, bias=False, scaled=True)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check(bottoms)
        x = bottoms[0]
        if len(x) != 4 or self.axis(x) != 1:
            raise LayerError(f"it takes images (n, c, h, w), not {show(x)}", "bottom", 0)
        top = (x[0], self.p.num_output, *convolved(x[2:], self.extent(x)))
        return (top,) * len(bottoms)

    def filters(self, x: Shape) -> Shape:
        return (self.p.num_output, x[1] // self.group(x), *self.extent(x).kernel)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        binary, extent = self.message.binary_convolution_param, self.extent(b.bottoms[0])
        is_binary = binary.use_binarization
        module = b.module(
            BinaryConv2d if is_binary else nn.Conv2d,
            b.bottoms[0][1],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            dilation=extent.dilation,
            groups=self.group(b.bottoms[0]),
            bias=self.p.bias_term,
            **({"scaled": True} if is_binary and binary.use_alpha else {}),
        )
        return tuple(module(x) for x in bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return sum(count(top) * count(self.filters(bottoms[0]), 1) for top in tops)


class BinaryConv2d(nn.Conv2d):
    """A convolution by the signs of its weights, times their mean size where it is scaled."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        scaled: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
        )
        self.scaled = scaled

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's own name)
        signs = torch.where(self.weight.detach() >= 0, 1.0, -1.0)
        if self.scaled:
            signs = signs * self.weight.detach().abs().mean((1, 2, 3), keepdim=True)
        # The gradient goes to the weight itself.
        weight = signs + (self.weight - self.weight.detach())
        return F.conv2d(
            input,
            weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )
