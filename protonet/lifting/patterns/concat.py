"""Concat."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.movement.forms.joined import join
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Held


@lifts("cat", "concat", "concatenate", "stack")
def cat(operator: Operator, parts: Sequence[Held], axis: int = 0) -> Held:
    """Concat of several blobs, after Reshapes where they get an axis."""
    return join(operator, list(parts), axis % len(operator.shape))


class _Joins(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, y], 1)


class _Stacks(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.stack([x, y], 1)


examples = (
    LiftExample(_Joins, ((2, 3, 4, 4), (2, 1, 4, 4)), ("Concat",)),
    LiftExample(_Stacks, ((2, 3, 4), (2, 3, 4)), ("Reshape", "Reshape", "Concat")),
)
