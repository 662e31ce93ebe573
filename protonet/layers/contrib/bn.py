"""BN: batch normalisation with a slope and a bias of its own, as four families of forks have it."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, F, nn, single, torch
from protonet.schema.pool import message as new_message

_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_INFERENCE, _CAFFE = 1, 1
# Fields that only one family knows; without any of them a layer is PSPNet's.
_SEGNET = ("bn_mode", "scale_filler", "shift_filler")
_HAPPYNEAR = ("decay", "var_eps", "moving_average")


@register("BN")
class BN(Layer):
    """Normalise each channel, then scale and shift it; which way follows from the fields.

    With slope_filler, bias_filler, momentum, eps or frozen (yjxiong, PSPNet, DeepLab): blobs
    slope, bias, mean, variance; the batch's statistics in training, the stored ones else and
    where frozen. With decay, var_eps or moving_average, or four param blocks (happynear's
    first): the same four, the new statistics weighing decay. With bn_mode, or nothing but
    scale_filler and shift_filler (SegNet): blobs scale and shift; LEARN takes the batch's
    statistics in both phases and gives them as second and third top, INFERENCE scales and
    shifts only. (n, c, ...), kept; statistics (1, c, 1, 1). Source: BNLayer of those forks.
    """

    param = "bn_param"
    tops = (1, 3)
    may_run_in_place = True
    kind = "normalisation"
    follows = True
    examples = (
        Example(
            'layer { name: "bn1" type: "BN" bottom: "x" top: "y" bn_param { frozen: true '
            "slope_filler { value: 1 } bias_filler { value: 0 } } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = FrozenBatchNorm(3)",
        ),
        Example(
            'layer { name: "bn1" type: "BN" bottom: "x" top: "y" '
            "bn_param { slope_filler { value: 1 } momentum: 0.95 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = nn.BatchNorm2d(3, momentum=0.05)",
        ),
        Example(
            'layer { name: "bn1" type: "BN" bottom: "x" top: "y" '
            "bn_param { scale_filler { value: 1 } shift_filler { value: 0.001 } } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = nn.BatchNorm2d(3, eps=1e-09, track_running_stats=False)",
        ),
        Example(
            'layer { name: "bn1" type: "BN" bottom: "x" top: "y" bn_param { bn_mode: INFERENCE } }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = ScaleShift(3, trailing=2)",
        ),
    )

    def __init__(self, message: Any, phase: str = "TEST") -> None:
        super().__init__(message, phase)
        stated = {field.name for field, _ in self.p.ListFields()}
        self.is_first = bool(stated & {*_HAPPYNEAR}) or (
            len(message.param) > 2 and stated <= {*_SEGNET} and bool(stated)
        )
        self.is_segnet = bool(stated & {*_SEGNET}) and not self.is_first

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, tops = bottoms[0], len(self.message.top)
        if len(x) not in _NORMS:
            raise LayerError(f"it takes 2 to 5 axes (n, c, ...), not {len(x)}", "bottom", 0)
        self.check_fields()
        learns = self.is_segnet and self.p.bn_mode != _INFERENCE
        if tops > 1 and not learns:
            what = "only SegNet's BN in the mode LEARN gives its statistics as further tops"
            raise LayerError(what, "top", 1)
        return (x, *((1, x[1], 1, 1),) * (tops - 1))

    def reads_backward(self) -> tuple[str, ...]:
        """The gradient of SegNet's scale is taken from the bottom, all others' from a copy."""
        return ("bottoms",) if self.is_segnet and self.p.bn_mode == _INFERENCE else ()

    def is_harmed_in_place(self) -> bool:
        """Where the bottom that the scale's gradient is taken from is gone, if it is learned."""
        learns = not self.message.param or self.message.param[0].lr_mult
        return bool(self.reads_backward() and learns)

    def check_fields(self) -> None:
        """LayerError where fields of two families meet, or one has no meaning here."""
        known = {"engine", "frozen", *(_SEGNET if self.is_segnet else ())}
        if self.is_first:
            known |= {*_HAPPYNEAR, "scale_filler", "shift_filler", "across_spatial"}
        elif not self.is_segnet:
            known |= {"slope_filler", "bias_filler", "momentum", "eps"}
        for field, value in self.p.ListFields():
            if field.name not in known:
                what = f"the field {field.name} is of another fork's BN than the others here"
                raise LayerError(what, field.name, hint="use the fields of one fork")
            if field.name == "across_spatial" and not value:
                what = "statistics of each place by itself are not supported"
                raise LayerError(what, field.name, hint="across_spatial: true is")

    def filler_fields(self) -> tuple[str, str]:
        """The fields that fill the first two blobs."""
        named = self.is_segnet or self.is_first
        return ("scale_filler", "shift_filler") if named else ("slope_filler", "bias_filler")

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape, frozen = (1, bottoms[0][1], 1, 1), bool(self.p.frozen)
        first, second = (getattr(self.p, field) for field in self.filler_fields())
        learned = Blob("weight", shape, first, frozen), Blob("bias", shape, second, frozen)
        if self.is_segnet:
            return learned
        # The variance starts at 1, which is torch's own start; happynear's first at 0.
        zeros = new_message("FillerParameter") if self.is_first else None
        mean = Blob("running_mean", shape, is_statistic=True)
        return *learned, mean, Blob("running_var", shape, zeros, is_statistic=True)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        (x,) = bottoms
        shape = b.bottoms[0]
        if self.is_segnet:
            return self.segnet(b, x, shape)
        first = self.is_first
        eps = single(self.p.var_eps if first else self.p.eps)
        if self.p.frozen:
            return b.module(FrozenBatchNorm, shape[1], eps=eps)(x)
        momentum = single(self.p.decay) if first else single(round(1 - self.p.momentum, 7))
        options = {"eps": eps, "momentum": momentum}
        if first and not self.p.moving_average:
            return b.module(BiasedBatchNorm, shape[1], **options, stored=False)(x)
        biased = self.phase == "TRAIN" and (first or self.p.engine == _CAFFE)
        norm = BiasedBatchNorm if biased else _NORMS[len(shape)]
        return b.module(norm, shape[1], **options)(x)

    def segnet(self, b: Builder, x: Expr, shape: Shape) -> Expr | tuple[Expr, ...]:
        """SegNet's BN, which stores no statistics."""
        if self.p.bn_mode == _INFERENCE:
            return b.module(ScaleShift, shape[1], trailing=len(shape) - 2)(x)
        norm = b.module(_NORMS[len(shape)], shape[1], eps=1e-9, track_running_stats=False)
        if len(b.tops) == 1:
            return norm(x)
        axes = [axis for axis in range(len(shape)) if axis != 1]
        moments = b.call(torch.var_mean, x, axes, correction=0)
        both = b.let("moments", moments)
        given = [both[1].view(1, -1, 1, 1), both[0].view(1, -1, 1, 1)]
        return (norm(x), *given[: len(b.tops) - 1])


class FrozenBatchNorm(nn.Module):
    """Batch normalisation by stored statistics, in training too; nothing of it is learned."""

    weight: torch.Tensor
    bias: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)


class BiasedBatchNorm(nn.Module):
    """Batch normalisation that stores the batch's own variance, not the unbiased one."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        stored: bool = True,
    ) -> None:
        super().__init__()
        self.eps, self.momentum, self.stored = eps, momentum, stored
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight, self.bias
        if self.stored and not self.training:
            mean, variance = self.running_mean, self.running_var
            return F.batch_norm(x, mean, variance, weight, bias, eps=self.eps)
        if self.training:
            axes = [axis for axis in range(x.dim()) if axis != 1]
            variance, mean = torch.var_mean(x.detach(), axes, correction=0)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
        return F.batch_norm(x, None, None, weight, bias, training=True, eps=self.eps)


class ScaleShift(nn.Module):
    """Multiply by a learned factor and add a learned shift, before so many trailing axes."""

    def __init__(self, channels: int, trailing: int = 0) -> None:
        super().__init__()
        self.trailing = (1,) * trailing
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = self.weight.shape + self.trailing
        return x * self.weight.view(shape) + self.bias.view(shape)
