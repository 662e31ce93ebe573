"""ReLU, Sigmoid, TanH and their kin."""

from __future__ import annotations

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Held


@lifts("relu")
def relu(operator: Operator, x: Held) -> Held:
    """ReLU."""
    return operator.layer("ReLU", x)


@lifts("sigmoid")
def sigmoid(operator: Operator, x: Held) -> Held:
    """Sigmoid."""
    return operator.layer("Sigmoid", x)


@lifts("tanh")
def tanh(operator: Operator, x: Held) -> Held:
    """TanH."""
    return operator.layer("TanH", x)
