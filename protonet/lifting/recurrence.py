"""What torch's recurrent operators share: layers, directions, states and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from protonet.lifting.framing import moved_to, turned
from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob
from protonet.shape import count


@dataclass(frozen=True)
class Direction:
    """One direction of one layer: torch's weights, with biases, its first states, its word."""

    input_weight: torch.Tensor
    hidden_weight: torch.Tensor
    input_bias: torch.Tensor
    hidden_bias: torch.Tensor
    states: tuple[Held, ...]
    part: str


@dataclass(frozen=True)
class Recurrence:
    """A recurrent operator's parameters, and how its layers are laid out."""

    parameters: Sequence[Held]
    has_biases: bool
    layers: int
    bidirectional: bool
    batch_first: bool


# (time, stream, inputs) to (time, stream, outputs) and the last states, (1, stream, outputs) each.
Run: TypeAlias = Callable[[Direction, NewBlob], tuple[Held, ...]]


def recurrence(
    operator: Operator, form: Recurrence, x: Held, states: tuple[Held, ...], run: Run
) -> tuple[Held, ...]:
    """Every layer and direction by ``run``; the output, then the last states of all."""
    steps = turned(operator, x, 1, 0, 2) if form.batch_first else x
    last: list[tuple[Held, ...]] = []
    backwards = Backwards(operator)
    for number in range(form.layers):
        given, tops = operator.blob(steps), []
        for back in range(1 + form.bidirectional):
            direction = _direction(operator, form, states, number, back)
            seen = backwards(given) if back else given
            top, *ends = run(direction, seen)
            tops.append(backwards(top) if back else top)
            last.append(tuple(ends))
        steps = tops[0]
        if form.bidirectional:
            part = f"layer{number}" if form.layers > 1 else ""
            steps = operator.layer("Concat", *tops, part=part, axis=2)
    output = turned(operator, steps, 1, 0, 2) if form.batch_first else steps
    return output, *(_joined(operator, ends) for ends in zip(*last, strict=True))


def _direction(
    operator: Operator, form: Recurrence, states: tuple[Held, ...], number: int, back: int
) -> Direction:
    place = number * (1 + form.bidirectional) + back
    each = 4 if form.has_biases else 2
    given = form.parameters[each * place : each * place + each]
    tensors = [one.tensor for one in given if isinstance(one, Constant)]
    if len(tensors) < len(given):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    own = tuple(at(operator, state, place) for state in states)
    zero = torch.zeros(tensors[0].shape[0])
    (in_bias, bias) = tensors[2:] or (zero, zero)
    return Direction(tensors[0], tensors[1], in_bias, bias, own, _word(form, number, back))


def _word(form: Recurrence, number: int, back: int) -> str:
    """A word for the layers of a direction of a layer; none where there is but one."""
    layer = f"layer{number}" if form.layers > 1 else ""
    way = ("forward", "backward")[back] if form.bidirectional else ""
    return ".".join(each for each in (layer, way) if each)


def at(operator: Operator, x: Held, place: int) -> Held:
    """One item along the first axis, which is kept; from the end where ``place`` is -1."""
    order = torch.arange(count(x.shape)).reshape(x.shape)
    index = order[place:][:1]
    return x if index.shape == order.shape else moved_to(operator, x, index)


@dataclass
class Backwards:
    """Values whose first axis runs the other way, by one constant order for all."""

    operator: Operator
    order: NewBlob | None = None

    def __call__(self, x: Held) -> NewBlob:
        line = torch.arange(x.shape[0]).flip(0)
        if self.operator.has("BatchReindex") and self.operator.has("Parameter"):
            self.order = self.order or self.operator.constant(line, "order")
            return self.operator.layer("BatchReindex", x, self.order, part="backwards")
        index = torch.arange(count(x.shape)).reshape(x.shape)[line]
        return self.operator.blob(moved_to(self.operator, x, index))


def is_zero(x: Held) -> bool:
    """Whether a value is known to be zero."""
    return isinstance(x, Constant) and not bool(x.tensor.any())


def _joined(operator: Operator, ends: tuple[Held, ...]) -> Held:
    if len(ends) == 1:
        return ends[0]
    return operator.layer("Concat", *ends, part="last", axis=0)


def refuse_packed(operator: Operator) -> None:
    """Refuse sequences of several lengths, which torch packs into one."""
    if str(operator.node.target).endswith(".data"):
        operator.refuse("its sequences are packed", "give it sequences of one length")
