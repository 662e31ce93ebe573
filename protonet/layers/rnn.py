"""RNN: a simple recurrent network over a sequence."""

from __future__ import annotations

from protonet.layers.base import Example, Shape, count, register
from protonet.layers.blob import Blob
from protonet.layers.recurrent import Recurrent
from protonet.program import Builder, Expr, F, nn, torch


@register("RNN")
class RNNLayer(Recurrent):
    """Run a recurrent network with tanh over time; where the continuation is 0 its state is 0.

    (t, n, ...), (t, n), maybe a static input (n, ...), to (t, n, num_output). With expose_hidden
    the hidden state is the last bottom and top, (1, n, num_output); else it stays in the module,
    from one batch to the next. Source: Caffe's RNNLayer.
    """

    kind = "recurrent"
    examples = (
        Example(
            'layer { name: "l" type: "RNN" bottom: "x" bottom: "s" top: "y" '
            "recurrent_param { num_output: 4 } }",
            {"x": (5, 2, 3), "s": (5, 2)},
            {"y": (5, 2, 4)},
            "self.l = RNN(3, 4, streams=2)",
        ),
    )

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        outputs = self.p.num_output
        inputs, static = self.sizes(bottoms)
        return (
            self.weight("weight", outputs, inputs),
            self.bias("bias", outputs),
            *((self.weight("static_weight", outputs, static),) if self.static else ()),
            self.weight("hidden_weight", outputs, outputs),
            self.weight("output_weight", outputs, outputs),
            self.bias("output_bias", outputs),
        )

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        inputs, static = self.sizes(bottoms)
        (time, streams), outputs = bottoms[0][:2], int(self.p.num_output)
        return outputs * streams * (time * (inputs + 2 * outputs) + static)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """Of each step: the state, what it was made of, and the output."""
        return 4 * 4 * count(tops[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        inputs, static = self.sizes(b.bottoms)
        streams = 0 if self.exposed else b.bottoms[0][1]
        rnn = b.module(RNN, inputs, self.p.num_output, streams=streams, static=static)
        x, continues, *rest = bottoms
        given: dict[str, Expr] = {"static": rest.pop(0)} if self.static else {}
        if not self.exposed:
            return rnn(x, continues, **given)
        return rnn(x, continues, hidden=rest[0], **given)


class RNN(nn.Module):
    """A recurrent network whose state begins at zero wherever ``continues`` is 0.

    With ``streams`` the state is kept from one batch to the next.
    """

    hidden: torch.Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        streams: int = 0,
        static: int = 0,
    ) -> None:
        super().__init__()
        self.keeps_state = streams > 0
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        if static:
            self.static_weight = nn.Parameter(torch.zeros(outputs, static))
        self.hidden_weight = nn.Parameter(torch.zeros(outputs, outputs))
        self.output_weight = nn.Parameter(torch.zeros(outputs, outputs))
        self.output_bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("hidden", torch.zeros(streams, outputs), persistent=False)

    def forward(
        self,
        x: torch.Tensor,
        continues: torch.Tensor,
        static: torch.Tensor | None = None,
        hidden: torch.Tensor | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        steps = F.linear(x.flatten(2), self.weight, self.bias)
        if static is not None:
            steps = steps + F.linear(static.flatten(1), self.static_weight)
        h = self.hidden if hidden is None else hidden[0]
        if h.shape[0] != x.shape[1]:
            h = torch.zeros_like(steps[0])
        states = []
        for t, keep in enumerate(continues.unsqueeze(-1).unbind()):
            h = torch.tanh(steps[t] + F.linear(keep * h, self.hidden_weight))
            states.append(h)
        outputs = F.linear(torch.stack(states), self.output_weight, self.output_bias)
        if not self.keeps_state:
            return outputs.tanh(), h.detach()[None]
        self.hidden = h.detach()
        return outputs.tanh()
