"""DenseBlock: layers that each add channels to all those before them, of caffe_ocr's fork."""

from __future__ import annotations

from protonet.layers import filler
from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, F, nn, single, torch

_FIXED = {
    **dict.fromkeys(("pad_h", "pad_w", "conv_verticalStride", "conv_horizentalStride"), 1),
    **dict.fromkeys(("filter_H", "filter_W"), 3),
}


@register("DenseBlock")
class DenseBlockLayer(Layer):
    """Normalise, rectify and convolve, numTransition times, and add growthRate channels each time.

    (n, c, h, w) to (n, c + numTransition * growthRate, h, w). Blobs are the filters, scales,
    biases, means and variances of all steps, with use_BC those of the convolutions of 1 x 1 before
    them, and a factor. The statistics are running averages, of which the new ones weigh
    moving_average_fraction, as on a GPU, where the factor is not read. Source: DenseBlockLayer of
    senlinuc's caffe_ocr.
    """

    param = "denseblock_param"
    ignores = ("initChannel", "gpuIdx", "workspace_MB", "BC_ultra_space_efficient")
    keeps = ("bottoms", "tops")
    examples = (
        Example(
            'layer { name: "l" type: "DenseBlock" bottom: "x" top: "y" '
            'denseblock_param { numTransition: 2 growthRate: 4 Filter_Filler { type: "msra" } '
            "BN_Scaler_Filler { value: 1 } } }",
            {"x": (2, 3, 5, 5)},
            {"y": (2, 11, 5, 5)},
            "self.l = DenseBlock(3, 4, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {show(x)}", "bottom", 0)
        self.check_positive("numTransition", "growthRate")
        for field, value in _FIXED.items():
            if getattr(self.p, field) != value:
                what = f"{field} is {value} in the fork, whatever is stated"
                raise LayerError(what, field, hint="take it out")
        if self.p.use_dropout and self.p.dropout_amount and self.phase == "TRAIN":
            raise LayerError("dropout within the block is not supported", "use_dropout")
        if len(self.message.param):
            raise LayerError("it takes no param; the fork states its own", "param", 0)
        for blob in self.blobs(bottoms):
            if blob.filler is not None:
                named = {"weight": "Filter_Filler", "scale": "BN_Scaler_Filler"}
                field = named.get(blob.name.strip("0123456789_"), "BN_Bias_Filler")
                filler.check(blob.filler, blob.shape, field)
        return ((x[0], x[1] + self.p.numTransition * self.p.growthRate, *x[2:]),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        growth, steps = self.p.growthRate, range(self.p.numTransition)
        inputs = [bottoms[0][1] + i * growth for i in steps]
        seen = [4 * growth if self.p.use_BC else n for n in inputs]
        found = [
            Blob(f"weight{i}", (growth, n, 3, 3), self.p.Filter_Filler) for i, n in enumerate(seen)
        ]
        found += self.normalising("", inputs)
        if self.p.use_BC:
            narrow = [4 * growth for _ in steps]
            found += [
                Blob(f"weight_{i}", (4 * growth, n, 1, 1), self.p.Filter_Filler)
                for i, n in enumerate(inputs)
            ]
            found += self.normalising("_", narrow)
        return (*found, Blob("factor", (1,), is_statistic=True))

    def normalising(self, mark: str, sizes: list[int]) -> list[Blob]:
        """The scales, biases, means and variances of all steps."""
        found = []
        for name, filled in (("scale", "BN_Scaler_Filler"), ("bias", "BN_Bias_Filler")):
            given = getattr(self.p, filled)
            found += [Blob(f"{name}{mark}{i}", (1, n, 1, 1), given) for i, n in enumerate(sizes)]
        for name in ("mean", "variance"):
            found += [
                Blob(f"{name}{mark}{i}", (1, n, 1, 1), is_statistic=True)
                for i, n in enumerate(sizes)
            ]
        return found

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        pixels = bottoms[0][0] * count(bottoms[0], 2)
        convolved = (b for b in self.blobs(bottoms) if b.name.startswith("weight"))
        return pixels * sum(count(blob.shape) for blob in convolved)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        options: dict[str, bool | float] = {"narrow": True} if self.p.use_BC else {}
        fraction = single(self.p.moving_average_fraction)
        if fraction != 0.1:
            options["fraction"] = fraction
        sizes = (b.bottoms[0][1], self.p.growthRate, self.p.numTransition)
        return b.module(DenseBlock, *sizes, **options)(*bottoms)


class DenseBlock(nn.Module):
    """Steps that each add channels, made of all those before."""

    factor: torch.Tensor

    def __init__(
        self,
        channels: int,
        growth: int,
        steps: int,
        narrow: bool = False,
        fraction: float = 0.1,
    ) -> None:
        super().__init__()
        self.steps, self.narrow, self.fraction = steps, narrow, fraction
        for i in range(steps):
            inputs = channels + i * growth
            seen = 4 * growth if narrow else inputs
            filters = torch.zeros(growth, seen, 3, 3)
            self.register_parameter(f"weight{i}", nn.Parameter(filters))
            self.normalise(f"{i}", inputs)
            if narrow:
                filters = torch.zeros(seen, inputs, 1, 1)
                self.register_parameter(f"weight_{i}", nn.Parameter(filters))
                self.normalise(f"_{i}", seen)
        self.register_buffer("factor", torch.zeros(1))

    def normalise(self, mark: str, channels: int) -> None:
        """Make the parameters and the statistics of one normalisation."""
        shape = (1, channels, 1, 1)
        self.register_parameter(f"scale{mark}", nn.Parameter(torch.ones(shape)))
        self.register_parameter(f"bias{mark}", nn.Parameter(torch.zeros(shape)))
        self.register_buffer(f"mean{mark}", torch.zeros(shape))
        self.register_buffer(f"variance{mark}", torch.ones(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i in range(self.steps):
            y = self.normalised(x, f"{i}").relu()
            if self.narrow:
                y = F.conv2d(y, self.get_parameter(f"weight_{i}"))
                y = self.normalised(y, f"_{i}").relu()
            y = F.conv2d(y, self.get_parameter(f"weight{i}"), padding=1)
            x = torch.cat([x, y], 1)
        return x

    def normalised(self, x: torch.Tensor, mark: str) -> torch.Tensor:
        """By the batch's statistics, of which stored ones take a part, or by these."""
        scale = self.get_parameter(f"scale{mark}").flatten()
        bias = self.get_parameter(f"bias{mark}").flatten()
        mean = self.get_buffer(f"mean{mark}").view(-1)
        variance = self.get_buffer(f"variance{mark}").view(-1)
        part = self.fraction if self.training else 0.0
        return F.batch_norm(x, mean, variance, scale, bias, self.training, part)
