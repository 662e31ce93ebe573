"""LRN: divide by a power of the local energy."""

from __future__ import annotations

from typing import ClassVar

from protonet.layers.base import (
    MOST,
    Example,
    Layer,
    LayerError,
    Reach,
    Shape,
    count,
    flaw,
    register,
)
from protonet.layers.forks import FUSED
from protonet.program import Builder, Expr, F, single, torch

_LONGEST = 15


@register("LRN")
class LRN(Layer):
    """Divide by (k + alpha times the mean square nearby) to the power of beta.

    (n, c, h, w), kept; nearby is across channels, or a square within a channel.
    Source: Caffe's LRNLayer.
    """

    param = "lrn_param"
    needs_elements = True
    backward_reads = ("bottoms", "tops")
    kind = "normalisation"
    refuses: ClassVar[dict[str, str]] = {"fuse_type": FUSED, "pooling_param": FUSED}
    ignores = ("unit_test_mode", "unit_test_fuse_kernel")
    examples = (
        Example(
            'layer { name: "norm1" type: "LRN" bottom: "x" top: "y" '
            "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 } }",
            {"x": (2, 8, 4, 4)},
            {"y": (2, 8, 4, 4)},
            "y = local_response_norm(x, 5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        size = self.p.local_size
        if size % 2 != 1:
            raise LayerError(f"local_size must be odd, not {size}", "local_size")
        if len(bottoms[0]) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(bottoms[0])}", "bottom", 0)
        across = size - 1 if self.p.norm_region == 0 else 0
        if size > MOST or flaw((1, bottoms[0][1] + across, *bottoms[0][2:])):
            raise LayerError(f"local_size {size} is more than Caffe can pad to", "local_size")
        return bottoms

    def kept(self) -> tuple[str, ...]:
        """The bottom; across channels the training net's own gradient takes the top as well."""
        own = self.phase == "TRAIN" and self.p.norm_region == 0
        return ("bottoms", "tops") if own else ("bottoms",)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        within = self.p.norm_region != 0
        return (3 if within else 3 - len(self.kept())) * 4 * count(tops[0])

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        if self.p.norm_region == 0:
            return None
        axes, size = len(bottoms[0]) - 2, self.p.local_size
        return Reach((size,) * axes, (1,) * axes, (size // 2,) * axes)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        size = self.p.local_size
        alpha, beta, k = (single(v) for v in (self.p.alpha, self.p.beta, self.p.k))
        if self.p.norm_region == 0:
            given = {"alpha": (alpha, 1e-4), "beta": (beta, 0.75), "k": (k, 1.0)}
            stated = {name: v for name, (v, default) in given.items() if v != default}
            if size > _LONGEST:
                return b.call(F.local_response_norm, x, size, **stated)
            if self.phase == "TEST":
                return b.call(local_response_norm, x, size, **stated)
            for helper in (nearby_sum, inverse_power, in_parts, CrossChannelNorm):
                b.helper(helper)
            return b.call(cross_channel_norm, x, size, **stated)
        b.helper(inverse_power)
        return b.call(local_response_norm_within, x, size, alpha=alpha, beta=beta)


def local_response_norm(
    x: torch.Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> torch.Tensor:
    """F.local_response_norm in shifted adds over the channels, which are much faster."""
    channels = x.shape[1]
    square = F.pad(x.square(), [0, 0, 0, 0, size // 2, size // 2])
    energy = square[:, :channels]
    for i in range(1, size):
        energy = energy + square[:, i : i + channels]
    return x * (k + alpha / size * energy) ** -beta


def nearby_sum(x: torch.Tensor, size: int) -> torch.Tensor:
    """The sum over ``size`` channels around each channel."""
    total, channels = x.clone(), x.shape[1]
    for i in range(1, min(size // 2 + 1, channels)):
        total[:, i:] += x[:, :-i]
        total[:, :-i] += x[:, i:]
    return total


def inverse_power(x: torch.Tensor, beta: float) -> torch.Tensor:
    """The power -beta of x; square roots are several times faster than a power."""
    if beta != 0.75:
        return x**-beta
    root = x.rsqrt()
    return root * root.sqrt()


def in_parts(function, *batches):
    """What a function makes of batches; on a CPU part by part, as its cache holds them."""
    x = batches[0]
    step = max(1, 2**18 // max(1, x[:1].numel()))
    if step >= len(x) or not x.is_cpu or torch.compiler.is_compiling():
        return function(*batches)
    whole: list[torch.Tensor] = []
    for i in range(0, len(x), step):
        parts = function(*(batch[i : i + step] for batch in batches))
        whole = whole or [torch.empty_like(x) for _ in parts]
        for result, part in zip(whole, parts, strict=True):
            result[i : i + step].copy_(part)
    return tuple(whole)


class CrossChannelNorm(torch.autograd.Function):
    """y = x * scale ** -beta, with scale = k + alpha / size * (sum of squares nearby)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, size, alpha, beta, k):
        def normed(x):
            scale = nearby_sum(x.square(), size).mul_(alpha / size).add_(k)
            return x * inverse_power(scale, beta), scale

        return in_parts(normed, x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.size, ctx.alpha, ctx.beta, _ = inputs
        ctx.save_for_backward(x, *output)

    @staticmethod
    def backward(ctx, y_grad, scale_grad):
        def gradient(y_grad, scale_grad, x, y, scale):
            ratio = scale_grad - ctx.beta * y_grad * y / scale
            direct = y_grad * inverse_power(scale, ctx.beta)
            around = nearby_sum(ratio, ctx.size)
            return (torch.addcmul(direct, around, x, value=2 * ctx.alpha / ctx.size),)

        (x_grad,) = in_parts(gradient, y_grad, scale_grad, *ctx.saved_tensors)
        return x_grad, None, None, None, None


def cross_channel_norm(
    x: torch.Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> torch.Tensor:
    """F.local_response_norm with the gradient that Caffe computes, in one step each way."""
    normed: torch.Tensor = CrossChannelNorm.apply(x, size, alpha, beta, k)[0]
    return normed


def local_response_norm_within(
    x: torch.Tensor,
    size: int,
    alpha: float = 1.0,
    beta: float = 0.75,
) -> torch.Tensor:
    """Divide by the energy of a square of each channel, which a convolution sums fastest."""
    channels = x.shape[1]
    window = x.new_full((channels, 1, size, size), alpha / size**2)
    energy = F.conv2d(x.square(), window, padding=size // 2, groups=channels)
    return x * inverse_power(1 + energy, beta)
