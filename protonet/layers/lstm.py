"""LSTM: long short-term memory over a sequence."""

from __future__ import annotations

from protonet.layers.base import Example, Shape, count, register
from protonet.layers.blob import Blob
from protonet.layers.recurrent import Recurrent
from protonet.program import Builder, Expr, F, nn, torch


@register("LSTM")
class LSTMLayer(Recurrent):
    """Run an LSTM over time; where the continuation is 0 a sequence begins, and the state is 0.

    (t, n, ...), (t, n), maybe a static input (n, ...), to (t, n, num_output). With expose_hidden
    the hidden and the cell state are the last bottoms and tops, (1, n, num_output) each; else
    they stay in the module, from one batch to the next. Source: Caffe's LSTMLayer.
    """

    states = 2
    kind = "recurrent"
    examples = (
        Example(
            'layer { name: "l" type: "LSTM" bottom: "x" bottom: "s" top: "y" '
            "recurrent_param { num_output: 4 } }",
            {"x": (5, 2, 3), "s": (5, 2)},
            {"y": (5, 2, 4)},
            "self.l = LSTM(3, 4, streams=2)",
        ),
    )

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        outputs = self.p.num_output
        inputs, static = self.sizes(bottoms)
        first = self.weight("weight", 4 * outputs, inputs), self.bias("bias", 4 * outputs)
        fixed = (self.weight("static_weight", 4 * outputs, static),) if self.static else ()
        return *first, *fixed, self.weight("hidden_weight", 4 * outputs, outputs)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        inputs, static = self.sizes(bottoms)
        (time, streams), outputs = bottoms[0][:2], int(self.p.num_output)
        return 4 * outputs * streams * (time * (inputs + outputs) + static)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """Of each step: the gates, the two states, and their products."""
        return 8 * 4 * count(tops[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        inputs, static = self.sizes(b.bottoms)
        streams = 0 if self.exposed else b.bottoms[0][1]
        lstm = b.module(LSTM, inputs, self.p.num_output, streams=streams, static=static)
        x, continues, *rest = bottoms
        given: dict[str, Expr] = {"static": rest.pop(0)} if self.static else {}
        if not self.exposed:
            return lstm(x, continues, **given)
        return lstm(x, continues, hidden=rest[0], cell=rest[1], **given)


class LSTM(nn.Module):
    """An LSTM whose state begins at zero wherever ``continues`` is 0.

    With ``streams`` the state is kept from one batch to the next.
    """

    hidden: torch.Tensor
    cell: torch.Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        streams: int = 0,
        static: int = 0,
    ) -> None:
        super().__init__()
        self.keeps_state = streams > 0
        self.weight = nn.Parameter(torch.zeros(4 * outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(4 * outputs))
        if static:
            self.static_weight = nn.Parameter(torch.zeros(4 * outputs, static))
        self.hidden_weight = nn.Parameter(torch.zeros(4 * outputs, outputs))
        self.register_buffer("hidden", torch.zeros(streams, outputs), persistent=False)
        self.register_buffer("cell", torch.zeros(streams, outputs), persistent=False)

    def forward(
        self,
        x: torch.Tensor,
        continues: torch.Tensor,
        static: torch.Tensor | None = None,
        hidden: torch.Tensor | None = None,
        cell: torch.Tensor | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        gates = F.linear(x.flatten(2), self.weight, self.bias)
        if static is not None:
            gates = gates + F.linear(static.flatten(1), self.static_weight)
        hidden_weight, size = self.hidden_weight.t(), self.hidden_weight.shape[1]
        h = self.hidden if hidden is None else hidden[0]
        c = self.cell if cell is None else cell[0]
        if h.shape[0] != x.shape[1]:
            h, c = (torch.zeros_like(gates[0, :, : s.shape[1]]) for s in (h, c))
        outputs = []
        for t, keep in enumerate(continues.unsqueeze(-1).unbind()):
            gate = torch.addmm(gates[t], keep * h, hidden_weight)
            enter, forget, leave = gate[:, : 3 * size].sigmoid().chunk(3, dim=1)
            c = torch.addcmul(forget * (keep * c), enter, gate[:, 3 * size :].tanh())
            h = leave * c.tanh()
            outputs.append(h)
        if not self.keeps_state:
            return torch.stack(outputs), h.detach()[None], c.detach()[None]
        self.hidden, self.cell = h.detach(), c.detach()
        return torch.stack(outputs)
