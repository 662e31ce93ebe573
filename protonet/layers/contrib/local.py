"""Local: a convolution whose filters differ from place to place, of several forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, F, nn, torch


@register("Local")
class Local(Layer):
    """Weigh the pixels of each window by numbers of that place, and add a bias of that place.

    (n, c, h, w) to (n, num_output, h', w'), sizes rounded down. Blobs are
    (num_output, 1, c * kernel_size^2, h' * w') and (1, 1, num_output, h' * w'). Source: LocalLayer
    of ZJULearning's SplitNet, and of BVLC's pull request 1271.
    """

    param = "local_param"
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "Local" bottom: "x" top: "y" '
            "local_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 } }",
            {"x": (2, 3, 7, 7)},
            {"y": (2, 4, 4, 4)},
            "self.l = LocallyConnected(3, 4, 4, 4, 3, stride=2, padding=1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        self.check_positive("num_output", "kernel_size", "stride")
        if min(x[2:]) < self.p.kernel_size:
            side = self.p.kernel_size
            what = f"a window of {side}x{side} does not fit into {show(x)}"
            raise LayerError(what, "kernel_size")
        return ((x[0], self.p.num_output, *self.places(x)),)

    def places(self, x: Shape) -> tuple[int, int]:
        """Rows and columns of the top."""
        p = self.p
        high, wide = ((n + 2 * p.pad - p.kernel_size) // p.stride + 1 for n in x[2:])
        return high, wide

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        places, outputs = count(self.places(x)), self.p.num_output
        shape = (outputs, 1, x[1] * self.p.kernel_size**2, places)
        weight = Blob("weight", shape, self.p.weight_filler)
        bias = Blob("bias", (1, 1, outputs, places), self.p.bias_filler)
        return (weight, bias) if self.p.bias_term else (weight,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = b.bottoms
        p = self.p
        options = {"stride": p.stride, "padding": p.pad, "bias": p.bias_term}
        given = (x[1], p.num_output, *self.places(x), p.kernel_size)
        return b.module(LocallyConnected, *given, **options)(*bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(tops[0]) * int(bottoms[0][1] * self.p.kernel_size**2)


class LocallyConnected(nn.Module):
    """A convolution with filters of its own at each place."""

    def __init__(
        self,
        channels: int,
        outputs: int,
        rows: int,
        columns: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.places, self.kernel_size = (rows, columns), kernel_size
        self.stride, self.padding = stride, padding
        size = rows * columns
        taps = channels * kernel_size**2
        self.weight = nn.Parameter(torch.zeros(outputs, 1, taps, size))
        self.bias = nn.Parameter(torch.zeros(1, 1, outputs, size)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cut = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        y = torch.einsum("nkp,okp->nop", cut, self.weight[:, 0])
        y = y if self.bias is None else y + self.bias[0]
        return y.reshape(*y.shape[:2], *self.places)
