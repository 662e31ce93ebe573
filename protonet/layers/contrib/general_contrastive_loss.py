"""GeneralContrastiveLoss: distances to classes, the own one small and the others large."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, nn, single, torch

_NUMBERS = {
    "positive_margin": 0.0,
    "negative_margin": 1.0,
    "positive_weight": 1.0,
    "negative_weight": 1.0,
    "positive_outlier_thresh": 4.0,
}
_SWITCHES = ("max_negative_only", "max_positive_only", "exp_negative_weight")


@register("GeneralContrastiveLoss")
class GeneralContrastiveLossLayer(Layer):
    """How far the distance to the own class is above a margin, and those to others below one.

    Distances (n, ...) with all axes but the first as one, labels (n,), to their sum over n; a
    second top has the means of both parts, (2,), or with add_intra_mae what the negative margin
    is raised by, too, (3,). A third bottom has the distances that count while the gradient goes to
    the first. The gradient is the fork's: of the own distance positive_weight, whatever the loss
    of a row is with positive_first; max_positive_only keeps the row whose own part is least. What
    raises the margin goes on in training only. Source: happynear's Caffe fork,
    GeneralContrastiveLossLayer; Wang et al., NormFace (2017).
    """

    param = "general_contrastive_loss_param"
    bottoms = (2, 3)
    tops = (1, 2)
    constants = (1, 2)
    is_loss = True
    ignores = ("square",)
    examples = (
        Example(
            'layer { name: "loss" type: "GeneralContrastiveLoss" bottom: "x" bottom: "label" '
            'top: "y" top: "means" loss_weight: 1 loss_weight: 0 '
            "general_contrastive_loss_param { negative_margin: 2 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (), "means": (2,)},
            "self.loss = GeneralContrastiveLoss(negative_margin=2.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, labels = bottoms[:2]
        if count(labels) != x[0]:
            what = f"{x[0]} rows take as many labels, the shape {show(labels)} has more or less"
            raise LayerError(what, "bottom", 1)
        if len(bottoms) > 2 and count(bottoms[2]) != count(x):
            what = f"the distances {show(bottoms[2])} are not as many as the first, {show(x)}"
            raise LayerError(what, "bottom", 2)
        if self.has("normalize_negative") and not self.p.normalize_negative:
            what = "normalize_negative divides by it, and is 0"
            raise LayerError(what, "normalize_negative", hint="leave it out")
        return ((), (3 if self.p.add_intra_mae else 2,))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        p = self.p
        options: dict[str, object] = {name: single(getattr(p, name)) for name in _NUMBERS}
        options |= {name: bool(getattr(p, name)) for name in _SWITCHES}
        if self.has("normalize_negative"):
            options["normalize_negative"] = single(p.normalize_negative)
        if p.positive_first:
            options["positive_upper_bound"] = single(p.positive_upper_bound)
        if p.add_intra_mae:
            options["max_negative_margin"] = single(p.max_negative_margin)
        options = {k: v for k, v in options.items() if v != _NUMBERS.get(k, False)}
        first, labels, *other = bottoms
        x = first if len(b.bottoms[0]) == 2 else first.flatten(1)
        labels = labels if len(b.bottoms[1]) == 1 else labels.flatten()
        loss = b.module(GeneralContrastiveLoss, **options)(
            x, labels, *(one.view_as(x) for one in other)
        )
        return loss if len(b.tops) == 2 else loss[0]


class GeneralContrastiveLoss(nn.Module):
    """A loss of distances to classes: small to the own, large to the others."""

    raised: torch.Tensor

    def __init__(
        self,
        positive_margin: float = 0.0,
        negative_margin: float = 1.0,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        positive_outlier_thresh: float = 4.0,
        positive_upper_bound: float | None = None,
        max_negative_margin: float | None = None,
        normalize_negative: float | None = None,
        max_negative_only: bool = False,
        max_positive_only: bool = False,
        exp_negative_weight: bool = False,
    ) -> None:
        super().__init__()
        self.positive = (positive_margin, positive_weight, positive_outlier_thresh)
        self.negative = (negative_margin, negative_weight, exp_negative_weight)
        self.bound, self.most_raised = positive_upper_bound, max_negative_margin
        self.normalize_negative = normalize_negative
        self.only = (max_positive_only, max_negative_only)
        self.register_buffer("raised", torch.tensor(0.0), persistent=False)

    def parts(
        self,
        x: torch.Tensor,
        is_own: torch.Tensor,
        margin: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Each distance's part of the loss, its gradient, and how far it is beyond its margin."""
        least, weight, most = self.positive
        below = (margin - x).clamp(min=0)
        beyond = torch.where(is_own, (x - least).clamp(0.0, most), below)
        near = ~is_own & (x < margin)
        pull = ((x > least) & (x < most)).to(x) * weight
        factor = (-x).exp() if self.negative[2] else torch.ones_like(x)
        push = near * factor * self.negative[1]
        other = push if self.negative[2] else push * beyond
        part = torch.where(is_own, beyond * weight, other)
        return part, torch.where(is_own, pull, -push), beyond

    def kept(
        self,
        part: torch.Tensor,
        is_own: torch.Tensor,
        near: torch.Tensor,
    ) -> torch.Tensor:
        """Which parts count: with a switch on, one row's own, or the largest of a row's others."""
        kept = torch.ones_like(is_own)
        if self.only[0]:
            rows = torch.arange(len(part), device=part.device)
            others = (rows != part[is_own].argmin())[:, None]
            kept = kept & ~(is_own & others)
        if self.only[1]:
            # The fork starts at the first class, also where that is the own one.
            start = torch.arange(part.shape[1], device=part.device) == 0
            most = part.masked_fill(~(near | start), -torch.inf).argmax(1, keepdim=True)
            kept = kept & (is_own | torch.zeros_like(kept).scatter(1, most, True))
        return kept

    def forward(
        self,
        x: torch.Tensor,
        labels: torch.Tensor,
        given: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        data = (x if given is None else given).detach()
        classes = torch.arange(data.shape[1], device=data.device)
        is_own = labels.long()[:, None] == classes
        margin = self.raised + self.negative[0]
        part, slope, beyond = self.parts(data, is_own, margin)
        kept = self.kept(part, is_own, ~is_own & (data < margin))
        slope = slope * kept
        if self.bound is not None:
            far = data[is_own][:, None] > self.bound
            kept = kept & (is_own | ~far)
            slope = torch.where(far, is_own * self.positive[1], slope)
        if self.normalize_negative is not None:
            others = ((slope * ~is_own).sum() / self.normalize_negative / len(x)).abs()
            others = torch.where(others > self.positive[1], others, 1)
            slope = torch.where(is_own, slope, slope / others)
        value = (part * kept).abs().sum() / len(x)
        path = (x * slope).sum() / len(x)
        means = [beyond[is_own].sum(), beyond[~is_own].sum() / (data.shape[1] - 1)]
        means = [one / len(x) for one in means]
        if self.most_raised is not None:
            raised = (0.99 * self.raised + 0.01 * means[0]).clamp(max=self.most_raised)
            means.append(raised)
            if self.training:
                self.raised.copy_(raised)
        return value + (path - path.detach()), torch.stack(means)
