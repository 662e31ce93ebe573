"""Numbers of a parameter that a step leaves as they are, where a blob beside it has zeros."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from protonet.diagnostics import NetError
from protonet.schema.pool import Message

if TYPE_CHECKING:
    from protonet.training.nets import Weight
    from protonet.training.updates import CaffeOptimizer


def resting(moving: Mapping[Tensor, Tensor], parameters: Sequence[Tensor]) -> dict[Tensor, Tensor]:
    """What the parameters are of which not all numbers move."""
    return {p: p.detach().clone() for p in parameters if p in moving}


def put_back(optimizer: CaffeOptimizer, before: Mapping[Tensor, Tensor]) -> None:
    """Give the numbers that rest the values from ``before`` the step, and no history.

    Source: SGDSolver::ComputeUpdateValue of 32l's Neural-Network-Model-Compressing.
    """
    for parameter, old in before.items():
        moves = optimizer.moving[parameter] != 0
        parameter.copy_(torch.where(moves, parameter, old))
        counted = [optimizer.state[parameter][name] for name in optimizer.histories]
        if optimizer.keep_updates and parameter.grad is not None:
            counted.append(parameter.grad)
        for one in counted:
            one.mul_(moves)


def check_masked(
    method: str, solver: Message, weights: Sequence[Weight], processes: int = 1
) -> None:
    """NetError where the fork's masks would not hold, or be others in every process."""
    for weight in weights:
        owner = weight.param.owner
        layer = f"layer {owner.name!r} ({owner.type})"
        if weight.moving is not None and method != "SGD":
            what = f"{layer}: only SGD keeps its powers of two, the solver is {method}"
            raise NetError(what, owner.span, 'write type: "SGD" into the solver')
        if not owner.type.startswith("DNS"):
            continue
        if solver.iter_size > 1:
            what = f"{layer}: it trains with iter_size 1, not {solver.iter_size}"
            hint = "the fork forgets what pruned numbers learned in earlier passes"
            raise NetError(what, owner.span, hint)
        if processes > 1:
            what = f"{layer}: it trains in one process, not {processes}"
            raise NetError(what, owner.span, "each would prune at random on its own")
