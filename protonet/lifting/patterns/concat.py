"""Concat."""

from __future__ import annotations

from typing import Any

from protonet.lifting.movement.forms.joined import join
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Held


@lifts("cat", "concat", "concatenate", "stack")
def cat(operator: Operator, parts: Any, axis: int = 0) -> Held:
    """Concat of several blobs, after Reshapes where they get an axis."""
    return join(operator, list(parts), axis % len(operator.shape))
