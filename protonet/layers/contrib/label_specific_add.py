"""LabelSpecificAdd: a margin added to the score of the label's class."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.loss import check_label_a_row
from protonet.program import Builder, Expr, nn, single, torch


@register("LabelSpecificAdd")
class LabelSpecificAddLayer(Layer):
    """Add bias to each row's score of the label's class, in training, where that is above -bias.

    Scores (n, ...) with all axes but the first as one, labels (n,), kept in testing, whatever
    transform_test says; a second top has the bias, (1,), and 0 in testing. With bias_base it is
    bias_base + (1 + bias_gamma iteration)^bias_power - 1 from bias_min to bias_max, which are 0
    where they are not stated; iteration counts the passes. Source: happynear's Caffe fork,
    LabelSpecificAddLayer; Wang et al., Additive Margin Softmax (2018).
    """

    param = "label_specific_add_param"
    bottoms = (2, 2)
    tops = (1, 2)
    constants = (1,)
    may_run_in_place = True
    ignores = ("transform_test",)
    examples = (
        Example(
            'layer { name: "l" type: "LabelSpecificAdd" bottom: "x" bottom: "label" top: "y" '
            "label_specific_add_param { bias: -0.35 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 5)},
            "y = self.l(x, label)[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        check_label_a_row(x, labels, "scores")
        return (x, (1,))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        p, (x, labels) = self.p, bottoms
        options: dict[str, object] = {"bias": single(p.bias)}
        if self.has("bias_base"):
            schedule = (single(p.bias_base), single(p.bias_gamma), single(p.bias_power))
            bounds = (single(p.bias_min), single(p.bias_max))
            options = {"schedule": schedule, "bounds": bounds, "iteration": p.iteration}
        labels = labels if len(b.bottoms[1]) == 1 else labels.flatten()
        both = b.module(LabelSpecificAdd, **options)(x, labels)
        return both if len(b.tops) == 2 else both[0]


class LabelSpecificAdd(nn.Module):
    """Add a number to the score of the label's class, in training."""

    iteration: torch.Tensor

    def __init__(
        self,
        bias: float = 0.0,
        schedule: tuple[float, float, float] | None = None,
        bounds: tuple[float, float] = (0.0, 0.0),
        iteration: int = 0,
    ) -> None:
        super().__init__()
        self.fixed, self.schedule, self.bounds = bias, schedule, bounds
        start = torch.tensor(float(iteration))
        self.register_buffer("iteration", start, persistent=False)

    def forward(
        self,
        x: torch.Tensor,
        labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.training:
            return x, x.new_zeros(1)
        bias = x.new_tensor([self.fixed])
        if self.schedule is not None:
            base, gamma, power = self.schedule
            bias = base + (1 + gamma * self.iteration) ** power - 1
            # The upper bound is the last word, also below the lower one.
            bias = bias.clamp(min=self.bounds[0]).clamp(max=self.bounds[1])
            bias = bias.to(x).view(1)
            self.iteration.add_(1)
        rows = x.flatten(1)
        is_own = labels.long()[:, None] == torch.arange(rows.shape[1], device=x.device)
        return torch.where(is_own & (rows > -bias), rows + bias, rows).view_as(x), bias
