"""ContinuationIndicator: that every sequence of a batch begins at its first step."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, nn, torch


@register("ContinuationIndicator")
class ContinuationIndicatorLayer(Layer):
    """Zeros for the first step of batch_size sequences, ones for those after it.

    To (time_step, batch_size). Source: ContinuationIndicatorLayer of xmfbit's warpctc-caffe and of
    crnn.caffe.
    """

    param = "continuation_indicator_param"
    bottoms = (0, 0)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "ContinuationIndicator" top: "y" '
            "continuation_indicator_param { time_step: 6 batch_size: 2 } }",
            {},
            {"y": (6, 2)},
            "self.l = ContinuationIndicator(6, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for field in ("time_step", "batch_size"):
            if not self.has(field):
                raise LayerError(f"it has no {field}")
        self.check_positive("time_step", "batch_size")
        return ((self.p.time_step, self.p.batch_size),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.module(ContinuationIndicator, self.p.time_step, self.p.batch_size)()


class ContinuationIndicator(nn.Module):
    """Zeros for the first step of a batch of sequences, ones for those after it."""

    steps: torch.Tensor

    def __init__(self, time: int, sequences: int) -> None:
        super().__init__()
        steps = torch.ones(time, sequences)
        steps[0] = 0
        self.register_buffer("steps", steps, persistent=False)

    def forward(self) -> torch.Tensor:
        return self.steps
