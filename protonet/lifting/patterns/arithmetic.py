"""Sums and products."""

from __future__ import annotations

from typing import Any

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Held


@lifts("add")
def add(operator: Operator, x: Held, y: Held, alpha: Any = 1) -> Held:
    """Eltwise SUM."""
    return operator.layer("Eltwise", x, y)
