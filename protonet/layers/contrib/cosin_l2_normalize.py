"""CosinL2Normalize: cosines to each class with a margin for the own, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, F, nn, single, torch


@register("CosinL2Normalize")
class CosinL2NormalizeLayer(Layer):
    """The cosine of each item to each class, plus margin for the label's own, times scale.

    Features (n, ...) with all axes from 1 on as one, labels (n,), to (n, num_output); with the
    margin in testing, too. The fork never clears the gradient of its unit weights, so that one of
    all passes so far moves them; here it is that of the pass.
    Source: CosinL2NormalizeLayer of yuqj1991's caffe_train; Wang et al., CosFace (2018).
    """

    param = "cosin_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "CosinL2Normalize" bottom: "x" bottom: "label" top: "y" '
            "cosin_loss_param { num_output: 10 scale: 30 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 10)},
            "self.l = CosineMargin(5, 10, scale=30.0, margin=-0.35)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        self.check_positive("num_output")
        if canonical_axis(self.p.axis, x) != 1:
            raise LayerError("only axis: 1 is supported, one vector an image", "axis")
        if count(labels) != x[0]:
            what = f"{x[0]} features take as many labels, the shape {show(labels)} has more or"
            raise LayerError(f"{what} less", "bottom", 1)
        return ((x[0], self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = (self.p.num_output, count(bottoms[0], 1))
        return (Blob("weight", shape, self.p.cosin_filler),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        options = {"scale": single(self.p.scale), "margin": single(self.p.margin)}
        cosine = b.module(CosineMargin, count(b.bottoms[0], 1), self.p.num_output, **options)
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        return cosine(x, labels if len(b.bottoms[1]) == 1 else labels.flatten())


class CosineMargin(nn.Module):
    """Cosines to learned vectors, with a number added to the label's own, times another."""

    def __init__(self, inputs: int, outputs: int, scale: float, margin: float) -> None:
        super().__init__()
        self.scale, self.margin = scale, margin
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        both = [x, self.weight]
        lengths = [(one.square().sum(1, keepdim=True) + 1e-11).sqrt() for one in both]
        x, weight = (one / length for one, length in zip(both, lengths, strict=True))
        is_own = labels.long()[:, None] == torch.arange(len(weight), device=x.device)
        return (F.linear(x, weight) + self.margin * is_own) * self.scale
