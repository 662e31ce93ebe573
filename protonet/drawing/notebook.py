"""The drawing that a notebook shows of a compiled net."""

from __future__ import annotations

from protonet.diagnostics import NetError
from protonet.drawing.drawing import draw
from protonet.schema.pool import message_class


def svg(definition: bytes) -> str | None:
    """The net of a binary NetParameter as SVG; None where its definition alone gives none."""
    net = message_class("NetParameter").FromString(definition)
    if not len(net.layer):
        return None
    try:
        return str(draw(net, "TRAIN" if net.state.phase == 0 else "TEST").svg)
    except NetError:
        return None
