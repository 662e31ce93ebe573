"""BatchNorm: zero mean and unit variance in each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.blob import Blob, BlobLayout
from protonet.layers.forks import FUSED
from protonet.layers.normalised import (
    AveragedBatchNorm,
    BatchNorm,
    KeptScaleBatchNorm,
    PartBatchNorm,
)
from protonet.program import Builder, Expr, nn, single
from protonet.schema.pool import Message

_BY_AXES = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_IN_TORCH = {
    "mean": ("running_mean", BlobLayout.DIVIDED),
    "variance": ("running_var", BlobLayout.DIVIDED),
    "factor": ("", BlobLayout.DIVISOR),
}


_FUSED_SCALE = "BatchNormScale"


@register("BatchNorm", "BatchNormScale")
class BatchNormLayer(Layer):
    """Normalise each channel by the batch's statistics in training, by the stored ones else.

    With scale_bias, scale_filler or bias_filler (NVIDIA's fork), or filler (Intel's), it scales
    and shifts, too; these two blobs follow the statistics, and lead them in NVIDIA's 0.15, whose
    nets state an lr_mult for the first two of their params. NVIDIA's statistics are running
    averages; Intel's may be of parts of a training batch, one after the other. As BatchNormScale
    it always scales and shifts, from 1 and 0, in place; apart from that its fork does not
    normalise, nor learn the scale where use_global_stats is. (n, c, ...), kept. Source: Caffe's
    BatchNormLayer; the forks' own, CuDNNBatchNormLayer, MKLDNNBatchNormLayer; BatchNormScaleLayer
    of yuqj1991's caffe_train, on the GPU.
    """

    param = "batch_norm_param"
    may_run_in_place = True
    kind = "normalisation"
    follows = True
    refuses: ClassVar[dict[str, str]] = {
        "relu": FUSED,
        "fused_relu": FUSED,
        "update_global_stats": "statistics that go on while they are used are not supported",
        "disable_mean": "normalisation by the variance alone is not supported",
        "disable_variance": "normalisation by the mean alone is not supported",
    }
    examples = (
        Example(
            'layer { name: "bn1" type: "BatchNorm" bottom: "x" top: "y" '
            "batch_norm_param { use_global_stats: false } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = BatchNorm(3, use_global_stats=False)",
        ),
        Example(
            'layer { name: "bn1" type: "BatchNorm" bottom: "x" top: "y" '
            "batch_norm_param { scale_bias: true moving_average_fraction: 0.9 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = AveragedBatchNorm(3, moving_average_fraction=0.9)",
        ),
        Example(
            'layer { name: "bn1" type: "BatchNorm" bottom: "x" top: "y" '
            "batch_norm_param { filler { value: 1 } bias_term: false } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bn1 = BatchNorm(3, affine=True, bias=False)",
        ),
        Example(
            'layer { name: "bn1" type: "BatchNormScale" bottom: "x" top: "x" }',
            {"x": (2, 3, 4, 4)},
            {"x": (2, 3, 4, 4)},
            "x = self.bn1(x)",
        ),
    )

    def __init__(self, message: Any, phase: str = "TEST") -> None:
        super().__init__(message, phase)
        p = self.p
        fused = message.type == _FUSED_SCALE
        nvidia = not fused and (p.scale_bias or self.has("scale_filler"))
        self.of_intel = fused or (not nvidia and (self.has("filler") or self.has("bias_term")))
        of_itself = self.of_intel and p.use_weight_bias
        self.scales = fused or nvidia or self.has("bias_filler") or of_itself
        self.shifts = self.scales and (p.bias_term or not self.of_intel)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        if len(x) < 2:
            raise LayerError("it takes at least 2 axes, (n, c)", "bottom", 0)
        self.check_batch(x)
        if self.message.type == _FUSED_SCALE:
            self.check_fused()
        if not self.p.eps >= 0:
            raise LayerError(f"eps must not be negative, it is {single(self.p.eps)}", "eps")
        pairs = zip(self.message.param, self.blobs(bottoms), strict=False)
        for index, (spec, blob) in enumerate(pairs):
            # NVIDIA's fork sets these to 0 itself.
            kept = blob.is_statistic and blob.name != "weight"
            if kept and spec.lr_mult != 0 and (self.of_intel or not self.scales):
                what = f"lr_mult of its statistics must be 0, not {single(spec.lr_mult)}"
                stated = ("lr_mult",) if spec.HasField("lr_mult") else ()
                raise LayerError(what, "param", index, *stated, hint="write lr_mult: 0")
        return bottoms

    def check_fused(self) -> None:
        """LayerError where BatchNormScale's fork does not normalise."""
        if list(self.message.bottom) != list(self.message.top):
            what = "its fork scales the bottom without normalising it where the top is another"
            raise LayerError(what, "top", 0, hint=f"write top: {self.message.bottom[0]!r}")

    @property
    def keeps_scale(self) -> bool:
        """Whether the scale is not learned where the shift is."""
        fused = self.message.type == _FUSED_SCALE
        return bool(fused and self.phase == "TRAIN" and self.p.use_global_stats)

    def check_batch(self, x: Shape) -> None:
        """LayerError where a batch has no parts of the size that Intel's fork asks for."""
        size = self.p.stats_batch_size
        stored = self.p.use_global_stats if self.has("use_global_stats") else self.phase == "TEST"
        if size and not stored and x[0] % size:
            raise LayerError(f"a batch of {x[0]} has no parts of {size}", "stats_batch_size")

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = bottoms[0][1:2]
        statistics = (
            Blob("mean", shape, is_statistic=True),
            Blob("variance", shape, is_statistic=True),
            Blob("factor", (1,), is_statistic=True),
        )
        if not self.scales:
            return statistics
        scale = self.stated("filler" if self.of_intel else "scale_filler")
        weight = Blob("weight", shape, scale, self.keeps_scale)
        bias = Blob("bias", shape, self.stated("bias_filler"))
        learned = (weight, bias) if self.shifts else (weight,)
        first = [spec.lr_mult for spec in self.message.param]
        leads = len(first) > 3 and all(first[:2]) and not any(first[2:4])
        return (*learned, *statistics) if leads else (*statistics, *learned)

    def stated(self, field: str) -> Message:
        """A filler that the definition states, else None."""
        return getattr(self.p, field) if self.has(field) else None

    def folds(self, x: Shape) -> bool:
        """Whether torch's own BatchNorm computes the same, by the stored statistics."""
        forced = self.has("use_global_stats") and not self.p.use_global_stats
        forced = forced and (self.of_intel or not self.scales)
        return len(x) in _BY_AXES and not forced and self.shifts == self.scales

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        stored = self.phase == "TEST" or self.p.use_global_stats
        averaged = self.scales and not self.of_intel
        return (8 if stored or averaged else 16) * bottoms[0][1]

    def eps(self) -> float:
        """What is added to the variance; NVIDIA's fork takes no less than 1e-5."""
        eps = single(self.p.eps)
        return max(eps, 1e-5) if self.scales and not self.of_intel else eps

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        learned = {"affine": True, "bias": self.shifts} if self.scales else {}
        return self.module(b, **learned)(*bottoms)

    def module(self, b: Builder, **learned: bool) -> Expr:
        """Caffe's arithmetic as a module, which may have a learned scale and shift of its own."""
        options: dict[str, Any] = {
            "eps": self.eps(),
            "moving_average_fraction": single(self.p.moving_average_fraction),
        }
        if self.scales and not self.of_intel:
            return b.module(AveragedBatchNorm, b.bottoms[0][1], **options)
        if self.keeps_scale:
            b.helper(BatchNorm)
            return b.module(KeptScaleBatchNorm, b.bottoms[0][1], self.eps())
        options["use_global_stats"] = None
        if self.has("use_global_stats"):
            options["use_global_stats"] = self.p.use_global_stats
        if 0 < self.p.stats_batch_size < b.bottoms[0][0]:
            b.helper(BatchNorm)
            part = self.p.stats_batch_size
            return b.module(PartBatchNorm, b.bottoms[0][1], part, **options, **learned)
        return b.module(BatchNorm, b.bottoms[0][1], **options, **learned)


class FusedBatchNorm(Layer):
    """Normalise as BatchNorm does, and scale and shift in the same step: the blobs of both."""

    type = "BatchNorm"
    may_run_in_place = True

    def __init__(self, parts: Sequence[Layer]) -> None:
        norm, *self.rest = parts
        assert isinstance(norm, BatchNormLayer)
        self.norm = norm
        super().__init__(norm.message, norm.phase)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        return tuple(blob for part in (self.norm, *self.rest) for blob in part.blobs(bottoms))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        bias = len(self.rest[0].blobs(b.bottoms)) > 1
        return self.norm.module(b, affine=True, bias=bias)(*bottoms)


class FoldedBatchNorm(FusedBatchNorm):
    """Normalise by stored statistics, then scale and shift: nn.BatchNorm with Caffe's blobs."""

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        return tuple(_folded(blob) for blob in super().blobs(bottoms))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        affine = bool(self.rest) or self.norm.scales
        shape = b.bottoms[0]
        return b.module(_BY_AXES[len(shape)], shape[1], eps=self.norm.eps(), affine=affine)(x)


def _folded(blob: Blob) -> Blob:
    """The blob as torch's BatchNorm has it: statistics are divided, their divisor is gone."""
    name, layout = _IN_TORCH.get(blob.name, (blob.name, BlobLayout.PLAIN))
    return replace(blob, name=name, layout=layout)
