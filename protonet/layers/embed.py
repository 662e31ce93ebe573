"""Embed: a learned row for each number."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, Shape, count, register
from protonet.layers.blob import Blob, weight_and_bias
from protonet.program import Builder, Expr, F, nn, torch
from protonet.schema.pool import Message


@register("Embed")
class EmbedLayer(Layer):
    """Look up a row of a learned matrix for each element, and add a bias.

    Whole numbers below input_dim, any shape, to (..., num_output); with replaces_last a last axis
    of 1 is left out. Source: Caffe's EmbedLayer; that of peteanderson80's bottom-up-attention for
    replaces_last, which it does without a word.
    """

    param = "embed_param"
    keeps = ()
    kind = "dense"
    examples = (
        Example(
            'layer { name: "l" type: "Embed" bottom: "x" top: "y" '
            "embed_param { input_dim: 9 num_output: 5 } }",
            {"x": (4, 3)},
            {"y": (4, 3, 5)},
            "self.l = Embed(9, 5)",
        ),
        Example(
            'layer { name: "l" type: "Embed" bottom: "x" top: "y" '
            "embed_param { input_dim: 9 num_output: 5 replaces_last: true } }",
            {"x": (4, 1)},
            {"y": (4, 5)},
            "y = self.l(x.squeeze(-1))",
        ),
    )

    @classmethod
    def otherwise(cls, message: Message) -> tuple[Message, str] | None:
        other: Any = type(message)()
        other.CopyFrom(message)
        if other.embed_param.HasField("replaces_last"):
            return None
        other.embed_param.replaces_last = True
        return other, "bottom-up-attention's, which replaces a last axis of 1"

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("num_output", "input_dim")
        (x,) = bottoms
        kept = x[:-1] if self.p.replaces_last and x[-1:] == (1,) else x
        return ((*kept, self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        weight = (self.p.input_dim, self.p.num_output)
        return weight_and_bias(self.p, weight, weight[1:])

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 8 * count(bottoms[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        bias = bool(self.p.bias_term)
        if self.p.replaces_last and b.bottoms[0][-1:] == (1,):
            x = x.squeeze(-1)
        return b.module(Embed, self.p.input_dim, self.p.num_output, bias=bias)(x)


class Embed(nn.Module):
    """Rows of a matrix by their numbers, plus a bias."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.embedding(x.long(), self.weight)
        return y if self.bias is None else y + self.bias
