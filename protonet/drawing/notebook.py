"""The drawing that a notebook shows of a compiled net."""

from __future__ import annotations

from typing import Any

from protonet.diagnostics import NetError
from protonet.drawing.drawing import draw
from protonet.schema.strings import parsed


def svg(definition: bytes) -> str | None:
    """The net of a binary NetParameter as SVG; None where its definition alone gives none."""
    net: Any = parsed("NetParameter", definition)[0]
    if not len(net.layer):
        return None
    try:
        return str(draw(net, "TRAIN" if net.state.phase == 0 else "TEST").svg)
    except NetError:
        return None
