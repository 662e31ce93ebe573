"""LabeledMatching: how features match what is remembered of each identity."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, single, torch
from protonet.schema.pool import message as new_message


@register("LabeledMatching")
class LabeledMatchingLayer(Layer):
    """Dot products with a row for each identity, and the labels, -1 where they are of no identity.

    Features (n, ...) and labels of n numbers to (n, num_classes) and the labels' shape. In training
    a row becomes momentum times itself and 1 - momentum times the feature, one feature of its
    identity after the other, and an identity's second blob counts the passes since; lr_mult: 0 of
    both keeps them as they are. The fork does so in its backward pass, here it is the end of the
    forward one; the pass itself is by the rows as they were. Rows and counts take no gradient but
    0. Source: LabeledMatchingLayer of He-Zhenwei's MAF and of ShuangLI59's person_search; Xiao et
    al., Joint Detection and Identification Feature Learning for Person Search (2017).
    """

    param = "labeled_matching_param"
    bottoms = (2, 2)
    tops = (2, 2)
    constants = (1,)
    examples = (
        Example(
            'layer { name: "match" type: "LabeledMatching" bottom: "x" bottom: "label" '
            'top: "y" top: "known" param { decay_mult: 0 } param { decay_mult: 0 } '
            "labeled_matching_param { num_classes: 10 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 10), "known": (4,)},
            "self.match = LabeledMatching(5, 10)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        if not self.has("num_classes"):
            raise LayerError("num_classes is not given")
        self.check_positive("num_classes")
        if not x or count(labels) != x[0]:
            what = f"features {show(x)} take as many labels, not the shape {show(labels)}"
            raise LayerError(what, "bottom", 1)
        rates = [bool(param.lr_mult) for param in self.message.param]
        if len({*rates, *[True] * (2 - len(rates))}) == 2:
            raise LayerError("lr_mult is 0 for one of both blobs, not for both", "param")
        return (x[0], self.p.num_classes), labels

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        size, zeros = self.p.num_classes, new_message("FillerParameter")
        shape = (size, count(bottoms[0], 1))
        return Blob("rows", shape, zeros), Blob("passes", (size,), zeros)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        options = {"momentum": single(self.p.momentum)}
        if any(not param.lr_mult for param in self.message.param):
            options["learns"] = False
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        size = count(b.bottoms[0], 1)
        return b.module(LabeledMatching, size, self.p.num_classes, **options)(x, labels)


class LabeledMatching(nn.Module):
    """Products with a row an identity, which follows the features of that identity."""

    def __init__(
        self,
        inputs: int,
        classes: int,
        momentum: float = 0.5,
        learns: bool = True,
    ) -> None:
        super().__init__()
        self.momentum, self.learns = momentum, learns
        self.rows = nn.Parameter(torch.zeros(classes, inputs))
        self.passes = nn.Parameter(torch.zeros(classes))

    @torch.no_grad()
    def remember(self, x: torch.Tensor, own: torch.Tensor) -> None:
        """Rows that follow the features; ``own`` says whose each is, (n, classes)."""
        counts = own.sum(0)
        # How many features of its identity come after each.
        later = ((counts - own.cumsum(0)) * own).sum(1, keepdim=True)
        parts = (1 - self.momentum) * self.momentum**later * x
        kept = (self.momentum**counts)[:, None] * self.rows
        self.rows.copy_(kept + own.T @ parts)
        self.passes.copy_((self.passes + 1) * (counts == 0))

    def forward(
        self,
        x: torch.Tensor,
        labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        whole = labels.long()
        is_known = (whole >= 0) & (whole < len(self.rows))
        # A gradient of 0, not none: a solver's decay is for what has one.
        still = (self.rows.sum() + self.passes.sum()) * 0
        scores = x @ self.rows.detach().clone().T + still
        if self.training and self.learns:
            classes = torch.arange(len(self.rows), device=x.device)
            own = (whole.flatten()[:, None] == classes).to(x)
            self.remember(x, own)
        return scores, labels.masked_fill(~is_known, -1)
