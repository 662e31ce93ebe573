"""GlobalLSEMargin: a margin that follows how far classes are apart, of happynear's fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, single, torch


@register("GlobalLSEMargin")
class GlobalLSEMarginLayer(Layer):
    """Take a margin from each row's cosine to the label's class, and multiply all by a scale.

    Cosines (n, classes) and labels (n,); a third bottom, (n,), is a scale a row instead of the
    learned one, which starts at 30 or from scale_param's filler and keeps its bounds. The margin
    goes to where most rows of a batch have theirs: the own cosine over the smooth maximum of the
    others, by mean shift; it moves a tenth of the way in each pass in training, from the first
    one on. A second top has (5,): scale, own cosine, smooth and plain maximum of the others, and
    margin, in the mean. Source: happynear's Caffe fork, GlobalLSEMarginLayer on a GPU.
    """

    param = "scale_param"
    bottoms = (2, 3)
    tops = (1, 2)
    constants = (1,)
    examples = (
        Example(
            'layer { name: "l" type: "GlobalLSEMargin" bottom: "x" bottom: "label" top: "y" '
            'top: "means" }',
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 5), "means": (5,)},
            "y, means = self.l(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        if len(x) < 2 or count(x, 2) != 1 or x[1] < 2:
            what = f"it takes the cosines of at least two classes a row, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        for index, shape in enumerate(bottoms[1:], 1):
            if count(shape) != x[0]:
                what = f"{x[0]} rows take as many numbers, the shape {show(shape)} has more or less"
                raise LayerError(what, "bottom", index)
        return (x, (5,))[: len(self.message.top)]

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        filler = self.p.filler if self.has("filler") else None
        fixed = len(bottoms) == 3
        scale = Blob("scale", (1,), filler, is_statistic=fixed, decays=False)
        return scale, Blob("margin", (1,), is_statistic=True)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        bounds = [
            single(getattr(self.p, name)) if self.has(name) else None
            for name in ("min_value", "max_value")
        ]
        options = {"low": bounds[0] or 0.0, "high": bounds[1], "learns": len(bottoms) == 2}
        given = [
            one if len(shape) == 1 else one.flatten()
            for one, shape in zip(bottoms[1:], b.bottoms[1:], strict=True)
        ]
        both = b.module(GlobalLSEMargin, **options)(bottoms[0], *given)
        return both if len(b.tops) == 2 else both[0]


class GlobalLSEMargin(nn.Module):
    """Cosines with a margin for the own class that follows the batches, times a scale."""

    margin: torch.Tensor

    def __init__(
        self,
        low: float = 0.0,
        high: float | None = None,
        learns: bool = True,
    ) -> None:
        super().__init__()
        self.low, self.high = low, high
        scale = torch.full([1], 30.0)
        if learns:
            self.scale = nn.Parameter(scale)
        else:
            self.register_buffer("scale", scale)
        self.register_buffer("margin", torch.zeros(1))

    def shifted(self, margins: torch.Tensor, start: float, steps: int) -> float:
        """Where the mean of what lies within 0.1 settles."""
        last, again = start, True
        while steps:
            near = margins[(margins - start).abs() < 0.1]
            if not len(near):
                if not again:
                    return start
                start = last = float(margins.mean())
                again = False
                continue
            start, steps = float(near.mean()), steps - 1
            if abs(last - start) < 0.001:
                break
            last = start
        return start

    def moved(self, margins: torch.Tensor) -> torch.Tensor:
        """The margin after a batch with these."""
        old = float(self.margin)
        start = float(margins.mean()) if old == 0 else old
        found = self.shifted(margins, start, 20 if old == 0 else 1)
        if math.isnan(found):
            return self.margin.clone()
        return self.margin.new_tensor([found if old == 0 else 0.9 * old + 0.1 * found])

    def forward(
        self,
        x: torch.Tensor,
        labels: torch.Tensor,
        given: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        rows = x.flatten(1)
        bounded = self.scale.detach().clamp(self.low, self.high)
        if self.training:
            self.scale.data.copy_(bounded)
        scale = bounded + (self.scale - self.scale.detach())
        if given is not None:
            scale = given[:, None]
        is_own = labels.long()[:, None] == torch.arange(rows.shape[1], device=x.device)
        cosines, factor = rows.detach(), scale.detach()
        own = cosines[is_own]
        largest = cosines.masked_fill(is_own, -1).amax(1).clamp(min=-1)
        others = (factor * (cosines - largest[:, None])).exp().masked_fill(is_own, 0)
        smooth = others.sum(1).log() / factor.view(-1) + largest
        margin = self.moved(own - smooth)
        if self.training:
            self.margin.copy_(margin)
        y = (rows - is_own * margin.clamp(min=0).to(x)) * scale
        means = [one.mean() for one in (factor, own, smooth, largest)]
        return y.view_as(x), torch.stack([*means, margin[0].to(x)])
