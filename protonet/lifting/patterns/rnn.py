"""GRU and RNN, which Caffe has not as torch does: every step in layers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, Part, lifts
from protonet.lifting.patterns.inner_product import times
from protonet.lifting.recurrence import Direction, Recurrence, is_zero, recurrence, refuse_packed
from protonet.lifting.trace import name_of
from protonet.lifting.values import Held, NewBlob

_MOST = 32  # steps that are written one by one


@lifts("gru", "rnn_tanh", "rnn_relu")
def unrolled(
    operator: Operator,
    x: Held,
    hidden: Held,
    parameters: Sequence[Held],
    has_biases: bool,
    num_layers: int,
    dropout: float,  # noqa: ARG001  which is for training
    train: bool,  # noqa: ARG001
    bidirectional: bool,
    batch_first: bool = False,
) -> tuple[Held, ...]:
    """Each step's layers, InnerProduct and Eltwise and what bends them; few steps only."""
    refuse_packed(operator)
    steps = x.shape[1 if batch_first else 0]
    if steps > _MOST:
        what = f"its {steps} steps, each with layers of its own, are more than {_MOST}"
        operator.refuse(what, "an LSTM is one layer of Caffe's, however long the sequence")
    form = Recurrence(parameters, has_biases, num_layers, bidirectional, batch_first)
    kind = name_of(operator.node)

    def run(direction: Direction, steps: NewBlob) -> tuple[Held, ...]:
        if kind == "gru":
            return _gru(operator, direction, steps)
        return _rnn(operator, direction, steps, "TanH" if kind == "rnn_tanh" else "ReLU")

    return recurrence(operator, form, x, (hidden,), run)


def _rnn(operator: Operator, direction: Direction, steps: NewBlob, bend: str) -> tuple[Held, ...]:
    """The hidden state is the bent sum of a matrix times the input and one times the last."""
    bias = direction.input_bias + direction.hidden_bias
    inputs = _each(operator, direction, steps, "inputs", (direction.input_weight, bias))
    (state,) = direction.states
    tops: list[Held] = []
    for number, given in enumerate(inputs):
        step, total = _Step(operator, _word(direction, f"step{number}")), given
        if not is_zero(state):
            before = times(operator, state, direction.hidden_weight, part=f"{step.word}.hidden")
            total = step.sum(given, before)
        state = step.layer(bend, total, part="state")
        tops.append(state)
    return _joined(operator, direction, tops), state


def _gru(operator: Operator, direction: Direction, steps: NewBlob) -> tuple[Held, ...]:
    """The state is n + z (h - n), n = tanh(x + r (W h + b)), r and z sigmoids of sums."""
    size = direction.hidden_weight.shape[1]
    bias = direction.input_bias + direction.hidden_bias
    gate_weight = direction.hidden_weight[: 2 * size]
    new_weight = direction.hidden_weight[2 * size :]
    of_gates = (direction.input_weight[: 2 * size], bias[: 2 * size])
    of_new = (direction.input_weight[2 * size :], direction.input_bias[2 * size :])
    gates = _each(operator, direction, steps, "gates", of_gates)
    news = _each(operator, direction, steps, "new", of_new)
    (state,) = direction.states
    tops: list[Held] = []
    for number, (gate, new) in enumerate(zip(gates, news, strict=True)):
        step = _Step(operator, _word(direction, f"step{number}"))
        reset, update = step.gates(gate, state, gate_weight)
        own = direction.hidden_bias[2 * size :]
        held = times(operator, state, new_weight, own, f"{step.word}.hidden")
        fresh = step.layer("TanH", step.sum(new, step.product(reset, held)), part="new")
        state = step.sum(fresh, step.product(update, step.sum(state, fresh, -1.0)))
        tops.append(state)
    return _joined(operator, direction, tops), state


@dataclass(frozen=True)
class _Step:
    """The layers of a step, and its word."""

    operator: Operator
    word: str

    def layer(self, kind: str, *bottoms: Held, part: str, **fields: Any) -> NewBlob:
        return self.operator.layer(kind, *bottoms, part=f"{self.word}.{part}", **fields)

    def sum(self, x: Held, y: Held, factor: float = 1.0) -> NewBlob:
        coeff = None if factor == 1 else [1.0, factor]
        return self.layer("Eltwise", x, y, part="sum", coeff=coeff)

    def product(self, x: Held, y: Held) -> NewBlob:
        return self.layer("Eltwise", x, y, part="product", operation="PROD")

    def gates(self, given: Held, state: Held, weight: torch.Tensor) -> tuple[NewBlob, ...]:
        if not is_zero(state):
            before = times(self.operator, state, weight, part=f"{self.word}.before")
            given = self.sum(given, before)
        both = self.layer("Sigmoid", given, part="gates")
        size = both.shape[2] // 2
        word = f"{self.word}.parts"
        return self.operator.layers("Slice", both, part=word, tops=2, axis=2, slice_point=[size])


def _each(
    operator: Operator,
    direction: Direction,
    steps: NewBlob,
    part: str,
    matrix: tuple[torch.Tensor, torch.Tensor],
) -> tuple[Held, ...]:
    """The input of every step times a matrix, by one InnerProduct and one Slice."""
    word = _word(direction, part)
    made = operator.blob(times(operator, steps, *matrix, part=word))
    count = made.shape[0]
    if count == 1:
        return (made,)
    points = list(range(1, count))
    return operator.layers(
        "Slice", made, part=f"{word}.steps", tops=count, axis=0, slice_point=points
    )


def _joined(operator: Operator, direction: Direction, tops: list[Held]) -> Held:
    if len(tops) == 1:
        return tops[0]
    return operator.layer("Concat", *tops, part=direction.part, axis=0)


def _word(direction: Direction, word: str) -> str:
    return f"{direction.part}.{word}" if direction.part else word


examples = (
    LiftExample(
        lambda: Part(nn.RNN(3, 4), 1),
        ((2, 1, 3),),
        ("InnerProduct", "Slice", "TanH", "InnerProduct", "Eltwise", "TanH"),
    ),
    LiftExample(lambda: nn.RNN(3, 4, nonlinearity="relu"), ((1, 2, 3),), ("InnerProduct", "ReLU")),
    LiftExample(
        lambda: nn.GRU(3, 4),
        ((1, 2, 3),),
        (
            "InnerProduct",
            "InnerProduct",
            "Sigmoid",
            "Slice",
            "Parameter",
            "InnerProduct",
            "Eltwise",
            "Eltwise",
            "TanH",
            "Eltwise",
            "Eltwise",
            "Eltwise",
        ),
    ),
)
