"""Softmax, and its logarithm."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.formulas.over import largest, summed
from protonet.lifting.formulas.scalars import exponential
from protonet.lifting.formulas.sums import added
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Held


@lifts("softmax", "_softmax", "_safe_softmax")
def softmax(
    operator: Operator,
    x: Held,
    axis: int,
    half: bool | torch.dtype | None = None,  # noqa: ARG001
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """Softmax along any axis."""
    axis %= len(x.shape)
    return operator.layer("Softmax", x, axis=None if axis == 1 else axis)


@lifts("log_softmax", "_log_softmax")
def log_softmax(
    operator: Operator,
    x: Held,
    axis: int,
    half: bool | torch.dtype | None = None,  # noqa: ARG001
    dtype: torch.dtype | None = None,  # noqa: ARG001
) -> Held:
    """X less its largest, less the logarithm of the sum of the exponentials of that.

    Log of Softmax is shorter, but infinite where a part is too small to be told from nothing.
    """
    over = (axis % len(x.shape),)
    beside = added(operator, x, largest(operator, x, over, True, "largest"), 1, -1, "beside")
    sums = summed(operator, exponential(operator, beside, part="exp"), over, True, "sum")
    return added(operator, beside, operator.layer("Log", sums, part="log"), 1, -1)


examples = (
    LiftExample(lambda: nn.Softmax(1), ((2, 5),), ("Softmax",)),
    LiftExample(lambda: nn.Softmax(-1), ((2, 3, 4, 5),), ("Softmax",)),
    LiftExample(nn.Softmax2d, ((2, 3, 4, 5),), ("Softmax",)),
    LiftExample(
        lambda: nn.LogSoftmax(1),
        ((2, 5),),
        ("ArgMax", "Power", "Reshape", "Bias", "Exp", "Reduction", "Log", "Power", "Bias"),
    ),
    LiftExample(
        lambda: nn.LogSoftmax(1),
        ((2, 3, 4, 5),),
        ("ArgMax", "Tile", "Eltwise", "Exp", "Convolution", "Log", "Tile", "Eltwise"),
    ),
)
