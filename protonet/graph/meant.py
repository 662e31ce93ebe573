"""Which phases a file holds a net for, and what the other one lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protonet.diagnostics import NetError
from protonet.graph.build import build
from protonet.layers.python import layer_class
from protonet.schema.load import Loaded
from protonet.schema.select import data_elsewhere, select
from protonet.selection import PHASES


def meant(nets: Mapping[str, Loaded]) -> tuple[str, ...]:
    """The phases whose selected net has data, a loss or an input of its own.

    Where none has, those that have layers.
    An input that both phases have is that of a net to be deployed, TEST's.
    """
    inputs = {phase: _tops(net, "Input") for phase, net in nets.items()}
    own = {"TRAIN": inputs["TRAIN"] - inputs["TEST"], "TEST": inputs["TEST"]}
    found = tuple(p for p in PHASES if own[p] or any(map(_feeds_or_judges, nets[p].message.layer)))
    return found or tuple(p for p in PHASES if len(nets[p].message.layer) or nets[p].errors)


def lacking(loaded: Loaded) -> dict[str, str]:
    """Why a phase that a right file has layers for is no net of it, by the phase."""
    nets = {phase: select(loaded, phase) for phase in PHASES}
    phases = meant(nets)
    found = {}
    for phase, net in nets.items():
        if data_elsewhere(loaded, net):
            found[phase] = "its data layers are of another phase or stage"
        elif phase not in phases and len(net.message.layer):
            try:
                build(net, phase, lenient=True)
            except NetError as error:
                found[phase] = error.message
    return found


def _feeds_or_judges(layer: Any) -> bool:
    cls = layer_class(layer)
    if cls is None:
        return False
    return (cls.is_data and cls.type != "Input") or cls.is_loss or any(layer.loss_weight)


def _tops(net: Loaded, kind: str) -> set[str]:
    return {top for layer in net.message.layer if layer.type == kind for top in layer.top}
