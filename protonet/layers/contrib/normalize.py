"""Normalize: vectors of length one, of the SSD fork and of happynear's."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, single, torch


@register("Normalize")
class NormalizeLayer(Layer):
    """Divide by the length of each place's vector of channels, or of each whole item.

    (n, c, ...), kept. With norm_param, or on whole items, it is SSD's NormalizeLayer, which has a
    learned scale. Without norm_param it is happynear's, over the channels and without a scale; a
    second top has the lengths, (n, 1, ...). Source: both forks' NormalizeLayer.
    """

    param = "norm_param"
    backward_reads = ("bottoms", "tops")
    tops = (1, 2)
    kind = "normalisation"
    examples = (
        Example(
            'layer { name: "norm" type: "Normalize" bottom: "x" top: "y" '
            "norm_param { across_spatial: false channel_shared: false "
            'scale_filler { type: "constant" value: 20 } } }',
            {"x": (2, 8, 4, 5)},
            {"y": (2, 8, 4, 5)},
            "self.norm = Normalize(8)",
        ),
        Example(
            'layer { name: "norm" type: "Normalize" bottom: "x" top: "y" }',
            {"x": (2, 8)},
            {"y": (2, 8)},
            "y = x / (x.square().sum(1, keepdim=True) + 1e-06).sqrt()",
        ),
    )

    @property
    def is_plain(self) -> bool:
        """Whether it is happynear's, without a scale."""
        return not self.message.HasField("norm_param")

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) < 2:
            raise LayerError("it takes at least 2 axes, (n, c)", "bottom", 0)
        if not self.is_plain:
            self.check(x)
            return (x,)
        kind = self.message.normalize_param.normalize_type
        if kind not in ("L1", "L2"):
            what = f"normalize_type is L1 or L2, not {kind!r}"
            raise LayerError(what, "normalize_param", "normalize_type")
        return (x, (x[0], 1, *x[2:]))[: len(self.message.top)]

    def check(self, x: Shape) -> None:
        """LayerError where SSD's NormalizeLayer refuses."""
        if len(self.message.top) > 1:
            raise LayerError("with norm_param it has one top", "top", 1)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        if self.is_plain:
            return ()
        shape = () if self.p.channel_shared else bottoms[0][1:2]
        return (Blob("scale", shape, self.p.scale_filler if self.has("scale_filler") else None),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        (x,) = bottoms
        if self.is_plain:
            return self.plain(b, x)
        channels = None if self.p.channel_shared else b.bottoms[0][1]
        options = {"across_spatial": self.p.across_spatial, "eps": single(self.p.eps)}
        return b.module(Normalize, channels, **options)(x)

    def plain(self, b: Builder, x: Expr) -> tuple[Expr, ...]:
        """Happynear's: over the channels, without a scale."""
        length: Expr
        if self.message.normalize_param.normalize_type == "L1":
            length = x.abs().sum(1, keepdim=True) + 1e-6
        else:
            length = (x.square().sum(1, keepdim=True) + 1e-6).sqrt()
        if len(b.tops) == 1:
            return (x / length,)
        length = b.let("length", length)
        given = length if self.message.normalize_param.bp_norm else length.detach()
        return x / length, given


class Normalize(nn.Module):
    """Vectors of length one, times a learned scale for all or for each channel."""

    def __init__(
        self,
        channels: int | None,
        across_spatial: bool = False,
        eps: float = 1e-10,
    ) -> None:
        super().__init__()
        self.across_spatial = across_spatial
        self.eps = eps
        self.scale = nn.Parameter(torch.ones([channels] if channels else []))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = tuple(range(1, x.dim())) if self.across_spatial else 1
        length = (x.square().sum(axes, keepdim=True) + self.eps).sqrt()
        return x / length * self.scale.view(-1, *[1] * (x.dim() - 2))
