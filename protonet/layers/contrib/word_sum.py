"""WordSum: weighted sums over a sequence's words, of Ask, Attend and Answer."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, torch


@register("WordSum")
class WordSumLayer(Layer):
    """Multiply each item, a matrix of words by numbers, with a matrix from the left; add a bias.

    (n, words, d) to (n, num_output, d); the bias is (num_output * d,). Source: WordSumLayer of
    VisionLearningGroup's Ask_Attend_and_Answer.
    """

    param = "word_sum_param"
    backward_reads = ("bottoms",)
    kind = "dense"
    examples = (
        Example(
            'layer { name: "l" type: "WordSum" bottom: "x" top: "y" '
            "word_sum_param { num_output: 2 } }",
            {"x": (4, 6, 5)},
            {"y": (4, 2, 5)},
            "self.l = WordSum(6, 2, 5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        self.check_positive("num_output")
        if len(x) != 3:
            raise LayerError(f"it takes 3 axes (n, words, d), not {show(x)}", "bottom", 0)
        return ((x[0], self.p.num_output, x[2]),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        weight = Blob("weight", (self.p.num_output, x[1]), self.p.weight_filler)
        bias = Blob("bias", (self.p.num_output * x[2],), self.p.bias_filler)
        return (weight, bias) if self.p.bias_term else (weight,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        _, words, size = b.bottoms[0]
        options = {} if self.p.bias_term else {"bias": False}
        return b.module(WordSum, words, self.p.num_output, size, **options)(*bottoms)


class WordSum(nn.Module):
    """Sums of words, weighted by learned numbers."""

    def __init__(self, words: int, outputs: int, size: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, words))
        self.bias = nn.Parameter(torch.zeros(outputs * size)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.weight @ x
        return y if self.bias is None else y + self.bias.view_as(y[0])
