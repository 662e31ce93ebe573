"""One phase of a net: the layers whose rules hold, as Net::FilterNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from protonet.diagnostics import NetError
from protonet.schema.load import Loaded
from protonet.schema.pool import message
from protonet.schema.sourcemap import Path

_PHASES = {"TRAIN": 0, "TEST": 1}


def select(loaded: Loaded, phase: str, stages: Sequence[str] = (), level: int = 0) -> Loaded:
    """Keep the layers of a phase, its stages and level, which stand beside the file's own.

    Each layer kept has its rules no more and its phase set. Source: Net::FilterNet,
    Net::StateMeetsRule.
    """
    source = loaded.message
    state = message("NetState")
    state.CopyFrom(source.state)
    state.phase = _PHASES[phase]
    state.stage.extend(stages)
    if level:
        state.level = level
    kept = message("NetParameter")
    moves: dict[Path, Path] = {}
    kept.CopyFrom(source)
    del kept.layer[:]
    kept.state.CopyFrom(state)
    errors = list(loaded.errors)
    for index, layer in enumerate(source.layer):
        if len(layer.include) and len(layer.exclude):
            where = loaded.sourcemap.span(("layer", index, "exclude"))
            what = f"layer {layer.name!r} has include and exclude rules; it takes one kind"
            errors.append(NetError(what, where))
        elif _included(layer, state):
            moves[("layer", len(kept.layer))] = ("layer", index)
            added = kept.layer.add()
            added.CopyFrom(layer)
            added.phase = state.phase
    sourcemap = loaded.sourcemap.moved(moves)
    return replace(loaded, message=kept, sourcemap=sourcemap, errors=tuple(errors))


def data_elsewhere(loaded: Loaded, selected: Loaded) -> frozenset[str]:
    """The blobs that only layers left out make, where the selected net has no data layer.

    Such a file holds no net of the phase, though layers without a rule are of every phase.
    Empty where the file has no data layer at all.
    """
    if any(_gives_data(layer) for layer in selected.message.layer):
        return frozenset()
    if not any(_gives_data(layer) for layer in loaded.message.layer):
        return frozenset()
    made, own = (
        {top for layer in net.message.layer for top in layer.top} for net in (loaded, selected)
    )
    return frozenset(made - own)


def _gives_data(layer: Any) -> bool:
    return not len(layer.bottom) and len(layer.top) > 0 and layer.type != "Parameter"


def _included(layer: Any, state: Any) -> bool:
    if len(layer.include):
        return any(meets(state, rule) for rule in layer.include)
    return not any(meets(state, rule) for rule in layer.exclude)


def meets(state: Any, rule: Any) -> bool:
    """Whether a NetState meets every condition of a NetStateRule."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    stages = set(state.stage)
    return stages.issuperset(rule.stage) and stages.isdisjoint(rule.not_stage)
