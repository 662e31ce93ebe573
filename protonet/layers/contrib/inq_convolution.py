"""INQConvolution: filters whose numbers become powers of two, portion after portion."""

from __future__ import annotations

from protonet.layers.base import Example, register
from protonet.layers.masked import MaskedFilters, portions_of
from protonet.layers.powers import to_powers
from protonet.program import Builder, Expr, F, nn, torch


@register("INQConvolution")
class INQConvolutionLayer(MaskedFilters):
    """Cross-correlate images with filters that training makes powers of two.

    (n, c, h, w) to (n, num_output, h', w'), by convolution_param; blobs are weight, bias and
    a mask of each, 1 where a number is free. The first pass in training rounds the largest of the
    free: where 1 - the first ``portion`` were free, 1 - the second remain. Of num_quantum_values
    powers of two, what is below is 0. From then on no solver moves them, nor do they have a
    gradient, also not for clip_gradients. It starts from a trained net, none of whose blobs is all
    zeros. Source: INQConvolutionLayer and SGDSolver of 32l's Neural-Network-Model-Compressing;
    Zhou et al., Incremental Network Quantization (2017).
    """

    masks = "inq_convolution_param"
    moves = True
    examples = (
        Example(
            'layer { name: "conv1" type: "INQConvolution" bottom: "x" top: "y" '
            "convolution_param { num_output: 8 kernel_size: 3 pad: 1 } "
            "inq_convolution_param { portion: 0 portion: 0.5 num_quantum_values: 7 } }",
            {"x": (2, 4, 9, 9)},
            {"y": (2, 8, 9, 9)},
            "self.conv1 = INQConv2d(4, 8, 3, padding=1, portions=(0.0, 0.5), values=7)",
        ),
    )

    def options(self) -> dict[str, object]:
        p = self.message.inq_convolution_param
        return {"portions": portions_of(p), "values": p.num_quantum_values}

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        b.helper(to_powers)
        return self.lowered(b, INQConv2d, bottoms)


class INQConv2d(nn.Conv2d):
    """A convolution whose largest numbers become powers of two, and stay what they are."""

    bias: nn.Parameter
    weight_mask: torch.Tensor
    bias_mask: torch.Tensor
    solver_iteration: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        portions: tuple[float, float] = (0.0, 1.0),
        values: int = 8,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
        )
        self.portions, self.values = portions, values
        self.register_buffer("weight_mask", torch.zeros_like(self.weight.detach()))
        self.register_buffer("bias_mask", torch.zeros_like(self.bias.detach()))
        start = torch.zeros((), dtype=torch.long)
        self.register_buffer("solver_iteration", start, persistent=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's own name)
        if not self.training:
            return super().forward(input)
        if self.solver_iteration == 0:
            to_powers(self.weight, self.weight_mask, self.portions, self.values)
            to_powers(self.bias, self.bias_mask, self.portions, self.values)
        self.solver_iteration.add_(1)
        weight = torch.where(self.weight_mask != 0, self.weight, self.weight.detach())
        bias = torch.where(self.bias_mask != 0, self.bias, self.bias.detach())
        return F.conv2d(
            input,
            weight,
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )
