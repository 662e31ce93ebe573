"""A test net run over its batches, its outputs averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from protonet.training.nets import Output, Runs


class Tests(Protocol):
    """A net that gives its outputs for batch after batch."""

    @property
    def outputs(self) -> list[Output]:
        """The outputs, in Caffe's order."""
        ...

    def next_batch(self) -> dict[str, torch.Tensor]:
        """The next batch."""
        ...

    def forward(
        self, batch: dict[str, torch.Tensor], through: Runs | None = None
    ) -> dict[str, torch.Tensor]:
        """The outputs of a batch."""
        ...


@dataclass(frozen=True)
class Score:
    """One number of an output blob, and the weight of the blob in the loss."""

    blob: str
    value: float
    weight: float = 0.0


@dataclass(frozen=True)
class Tested:
    """The mean outputs of a test net, and its mean loss where the solver asks for it."""

    scores: list[Score]
    loss: float


def evaluate(
    net: Tests,
    iterations: int,
    stopping: Callable[[], bool] = lambda: False,
    each: Callable[[int, list[Score]], None] | None = None,
    through: Runs | None = None,
) -> Tested | None:
    """Run a net and average each number of each output; None where ``stopping`` said so.

    ``each`` is told the outputs of every batch, ``through`` runs the net in the place of its
    module. Source: Solver::Test.
    """
    sums: torch.Tensor | None = None
    for number in range(iterations):
        if stopping():
            return None
        with torch.inference_mode():
            found = net.forward(net.next_batch(), through)
            values = _flat(net, found).double()
        if each is not None:
            each(number, _scores(net, found, values))
        sums = values if sums is None else sums + values
    assert sums is not None
    mean = _scores(net, found, sums / iterations)
    return Tested(mean, sum(score.value * score.weight for score in mean))


def scores(net: Tests, found: dict[str, torch.Tensor]) -> list[Score]:
    """Every number of the outputs of one pass, in Caffe's order."""
    return _scores(net, found, _flat(net, found))


def _flat(net: Tests, found: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([found[output.blob].detach().float().reshape(-1) for output in net.outputs])


def _scores(net: Tests, found: dict[str, torch.Tensor], values: torch.Tensor) -> list[Score]:
    sizes = [(o, found[o.blob].numel()) for o in net.outputs]
    owners = [output for output, size in sizes for _ in range(size)]
    pairs = zip(owners, values.tolist(), strict=True)
    return [Score(output.blob, value, output.weight) for output, value in pairs]
