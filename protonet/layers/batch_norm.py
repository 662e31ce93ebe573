"""BatchNorm: zero mean and unit variance in each channel."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F, nn, single, torch


@register("BatchNorm")
class BatchNormLayer(Layer):
    """Normalise each channel by the batch's statistics in training, by the stored ones else.

    (n, c, ...), kept. Source: Caffe's BatchNormLayer.
    """

    param = "batch_norm_param"
    blobs = ("mean", "variance", "factor")
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "bn1" type: "BatchNorm" bottom: "x" top: "y" '
            "batch_norm_param { use_global_stats: false } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = BatchNorm(3, use_global_stats=False)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms[0]) < 2:
            raise LayerError("it takes at least 2 axes, (n, c)", "bottom", 0)
        if self.p.scale_bias:
            hint = "put a Scale layer with a bias_term after it"
            raise LayerError("scale_bias is NVIDIA's, not supported", "scale_bias", hint=hint)
        for index, spec in enumerate(self.message.param):
            if spec.lr_mult != 0:
                what = f"lr_mult of its statistics must be 0, not {single(spec.lr_mult)}"
                stated = ("lr_mult",) if spec.HasField("lr_mult") else ()
                raise LayerError(what, "param", index, *stated, hint="write lr_mult: 0")
        return bottoms

    def blob_shapes(self, *bottoms: Shape) -> tuple[Shape, ...]:
        channels = bottoms[0][1]
        return (channels,), (channels,), (1,)

    def frozen(self, blob: int) -> bool:
        return True

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        stored = self.phase == "TEST" or self.p.use_global_stats
        return (8 if stored else 16) * bottoms[0][1]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        stored = self.p.use_global_stats if self.has("use_global_stats") else None
        return b.module(
            BatchNorm,
            b.bottoms[0][1],
            eps=single(self.p.eps),
            moving_average_fraction=single(self.p.moving_average_fraction),
            use_global_stats=stored,
        )(x)


class BatchNorm(nn.Module):
    """Batch normalisation whose stored statistics are still to be divided by a factor."""

    mean: torch.Tensor
    variance: torch.Tensor
    factor: torch.Tensor

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        moving_average_fraction: float = 0.999,
        use_global_stats: bool | None = None,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.fraction = moving_average_fraction
        self.use_global_stats = use_global_stats
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.zeros(channels))
        self.register_buffer("factor", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stored = self.use_global_stats
        if stored or (stored is None and not self.training):
            scale = torch.where(self.factor == 0, self.factor, 1 / self.factor)
            mean, variance = self.mean * scale, self.variance * scale
            return F.batch_norm(x, mean, variance, eps=self.eps)
        mean, variance = torch.zeros_like(self.mean), torch.zeros_like(self.variance)
        y = F.batch_norm(x, mean, variance, training=True, momentum=1.0, eps=self.eps)
        self.mean.mul_(self.fraction).add_(mean)
        self.variance.mul_(self.fraction).add_(variance)
        self.factor.mul_(self.fraction).add_(1)
        return y
