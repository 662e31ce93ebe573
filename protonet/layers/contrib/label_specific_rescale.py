"""LabelSpecificRescale: the score of the label's class times another number than the others."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.loss import check_label_a_row
from protonet.program import Builder, Expr, nn, single, torch


@register("LabelSpecificRescale")
class LabelSpecificRescaleLayer(Layer):
    """Multiply each row's score of the label's class by positive_weight, others by negative_weight.

    Scores (n, ...) with all axes but the first as one, labels (n,), kept in testing unless
    rescale_test; a second top has positive_weight, (1,). for_ip multiplies the label's where it
    is positive, bias_fix adds 1 - positive_weight to it. In training positive_weight_base states
    positive_weight as base (1 + gamma iteration)^-power, within bounds, where iteration counts
    the passes. Source: happynear's Caffe fork, LabelSpecificRescaleLayer, whose
    power_on_positive is one thing on a CPU and another on a GPU, and refused.
    """

    param = "label_specific_rescale_param"
    bottoms = (2, 2)
    tops = (1, 2)
    constants = (1,)
    may_run_in_place = True
    ignores = ("positive_lower_bound", "negative_upper_bound")
    examples = (
        Example(
            'layer { name: "l" type: "LabelSpecificRescale" bottom: "x" bottom: "label" top: "y" '
            "label_specific_rescale_param { positive_weight: 4 rescale_test: true } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 5)},
            "y = self.l(x, label)[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        check_label_a_row(x, labels, "scores")
        if self.p.power_on_positive:
            what = "power_on_positive is a power on a CPU and an angle on a GPU, in its fork"
            raise LayerError(what, "power_on_positive")
        return (x, (1,))[: len(self.message.top)]

    def is_harmed_in_place(self) -> bool:
        """In place, the gradient goes by the sign of what was rescaled."""
        return bool(self.p.for_ip)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        p, (x, labels) = self.p, bottoms
        options: dict[str, object] = {
            "positive_weight": single(p.positive_weight),
            "negative_weight": single(p.negative_weight),
            "where_positive": bool(p.for_ip),
            "keeps_one": bool(p.bias_fix),
            "in_testing": bool(p.rescale_test),
        }
        if self.has("positive_weight_base") and self.phase == "TRAIN":
            low = single(p.positive_weight_min) if self.has("positive_weight_min") else None
            high = single(p.positive_weight_max) if self.has("positive_weight_max") else None
            schedule = (single(p.positive_weight_base), single(p.gamma), single(p.power))
            options |= {"schedule": schedule, "bounds": (low, high), "iteration": p.iteration}
        labels = labels if len(b.bottoms[1]) == 1 else labels.flatten()
        both = b.module(LabelSpecificRescale, **options)(x, labels)
        return both if len(b.tops) == 2 else both[0]


class LabelSpecificRescale(nn.Module):
    """Multiply the score of the label's class by one number, and the others by another."""

    iteration: torch.Tensor

    def __init__(
        self,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        where_positive: bool = False,
        keeps_one: bool = False,
        in_testing: bool = False,
        schedule: tuple[float, float, float] | None = None,
        bounds: tuple[float | None, float | None] = (None, None),
        iteration: int = 0,
    ) -> None:
        super().__init__()
        self.weights = (positive_weight, negative_weight)
        self.where_positive, self.keeps_one = where_positive, keeps_one
        self.in_testing, self.schedule, self.bounds = in_testing, schedule, bounds
        start = torch.tensor(float(iteration))
        self.register_buffer("iteration", start, persistent=False)

    def weight(self) -> torch.Tensor:
        """What the label's own is multiplied by."""
        if self.schedule is None:
            return self.iteration.new_tensor([self.weights[0]])
        if self.training:
            self.iteration.add_(1)
        base, gamma, power = self.schedule
        weight = base * (1 + gamma * self.iteration) ** -power
        low, high = self.bounds
        weight = weight if low is None else weight.clamp(min=low)
        return (weight if high is None else weight.clamp(max=high)).view(1)

    def forward(
        self,
        x: torch.Tensor,
        labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        weight = self.weight().to(x)
        if not (self.training or self.in_testing):
            return x, weight
        rows = x.flatten(1)
        is_own = labels.long()[:, None] == torch.arange(rows.shape[1], device=x.device)
        own = rows * weight
        if self.keeps_one:
            own = own + (1 - weight)
        if self.where_positive:
            own = torch.where(rows > 0, own, rows)
        return torch.where(is_own, own, rows * self.weights[1]).view_as(x), weight
