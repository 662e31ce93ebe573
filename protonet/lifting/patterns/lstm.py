"""LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.framing import reads
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, Part, lifts
from protonet.lifting.recurrence import (
    Direction,
    Recurrence,
    at,
    is_zero,
    recurrence,
    refuse_packed,
)
from protonet.lifting.values import Held, NewBlob


@lifts("lstm")
def lstm(
    operator: Operator,
    x: Held,
    states: Sequence[Held],
    parameters: Sequence[Held],
    has_biases: bool,
    num_layers: int,
    dropout: float,  # noqa: ARG001  which is for training
    train: bool,  # noqa: ARG001
    bidirectional: bool,
    batch_first: bool = False,
) -> tuple[Held, ...]:
    """LSTM, one for each layer and direction, whose sequences all begin with the first step.

    The states are bottoms and tops where the first is not zero, or the last cell state is read.
    """
    refuse_packed(operator)
    hidden, cell = states
    if hidden.shape != cell.shape:
        operator.refuse("its output is projected", "Caffe's LSTM gives its hidden state as it is")
    form = Recurrence(parameters, has_biases, num_layers, bidirectional, batch_first)
    exposed = reads(operator, 2) or not (is_zero(hidden) and is_zero(cell))
    continues: list[NewBlob] = []

    def run(direction: Direction, steps: NewBlob) -> tuple[Held, ...]:
        if not continues:
            marks = torch.ones(steps.shape[:2])
            marks[0] = 1.0 if exposed else 0.0
            continues.append(operator.constant(marks, "continues"))
        return _run(operator, direction, (steps, continues[0]), exposed)

    return recurrence(operator, form, x, (hidden, cell), run)


def _run(
    operator: Operator, direction: Direction, given: tuple[NewBlob, NewBlob], exposed: bool
) -> tuple[Held, ...]:
    """One LSTM: torch's gates i, f, g, o in Caffe's order i, f, o, g, and one bias for both."""

    def ordered(rows: torch.Tensor) -> torch.Tensor:
        enter, forget, new, leave = rows.chunk(4)
        return torch.cat([enter, forget, leave, new])

    blobs = [
        ordered(direction.input_weight),
        ordered(direction.input_bias + direction.hidden_bias),
        ordered(direction.hidden_weight),
    ]
    outputs = direction.hidden_weight.shape[1]
    states = direction.states if exposed else ()
    tops = operator.layers(
        "LSTM",
        *given,
        *states,
        part=direction.part,
        blobs=blobs,
        tops=3 if exposed else 1,
        num_output=outputs,
        expose_hidden=True if exposed else None,
    )
    if exposed:
        return tops
    last = at(operator, tops[0], -1)
    return tops[0], last, last  # nothing reads the cell state


examples = (
    LiftExample(lambda: Part(nn.LSTM(3, 4), 0), ((5, 2, 3),), ("Parameter", "LSTM")),
    LiftExample(
        lambda: nn.LSTM(3, 4, bias=False),
        ((3, 2, 3),),
        ("Parameter", "Parameter", "LSTM"),
    ),
    LiftExample(
        lambda: Part(nn.LSTM(3, 4, bidirectional=True), 0),
        ((4, 1, 3),),
        (
            "Parameter",
            "LSTM",
            "Parameter",
            "BatchReindex",
            "LSTM",
            "BatchReindex",
            "Concat",
        ),
    ),
)
