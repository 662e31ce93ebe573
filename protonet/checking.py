"""check: every problem of a net or a solver, in the phases that it is meant for."""

from __future__ import annotations

from functools import partial

from protonet.api import shapes_of_data, warn, warn_of_ignored
from protonet.diagnostics import NetError, raise_all
from protonet.graph import build
from protonet.graph.files import attach_files
from protonet.graph.meant import meant
from protonet.graph.notices import notices
from protonet.schema.load import Loaded, Readable, load, load_any
from protonet.schema.select import data_elsewhere, select
from protonet.schema.upgrade import upgrade
from protonet.selection import PHASES, Selection


def check(source: Readable, phase: str | None = None) -> list[NetError]:
    """Every problem of a net, in the order of the file; none means it is right.

    Each phase that the file is meant for is looked at, or the one named: a phase without data, a
    loss or an input of its own is not meant, nor is one whose data layers are of the other. A
    data layer whose shape only its data would tell is no problem.
    """
    try:
        loaded = load(source, "NetParameter")
    except NetError as error:
        return list(error.all)
    if loaded.errors:
        return list(loaded.errors)
    return check_net(loaded, phase)


def check_net(
    loaded: Loaded, phase: str | None = None, unchecked: list[str] | None = None
) -> list[NetError]:
    """The problems of a net whose text is right.

    ``unchecked`` takes what could not be looked at: data and files that are not there.
    """
    try:
        upgraded = upgrade(loaded)
        raise_all(upgraded.errors)
        warn_of_ignored(upgraded)
        asked = Selection.of(phase).phase if phase is not None else None
    except NetError as error:
        return list(error.all)
    nets = {name: select(upgraded, name) for name in PHASES}
    if not any(len(net.message.layer) or net.errors for net in nets.values()):
        return [NetError("the net is empty: it has no layer", loaded.sourcemap.span(()))]
    found: dict[tuple[str, int], NetError] = {}
    notes: list[str] = []
    for name in (asked,) if asked else meant(nets):
        away = frozenset() if asked else data_elsewhere(upgraded, nets[name])
        for problem in _of_phase(nets[name], name, away, notes):
            where = problem.span.start if problem.span else -1
            found.setdefault((problem.message, where), problem)
    if unchecked is not None:
        unchecked.extend(dict.fromkeys(notes))
    return sorted(found.values(), key=lambda e: e.span.start if e.span else -1)


def _of_phase(
    selected: Loaded, phase: str, away: frozenset[str], notes: list[str]
) -> list[NetError]:
    """The problems of the net of one phase; ``away`` are blobs of another's data layers."""
    try:
        raise_all(selected.errors)
        attach_files(selected, lenient=True)
        measure = partial(shapes_of_data, selected, phase)
        net = build(selected, phase, lenient=True, elsewhere=away, measure=measure)
        warn(notices(net))
    except NetError as error:
        return list(error.all)
    if away:  # this phase has no net, which is said by itself
        return []
    notes += net.unchecked
    if net.below_unchecked and net.unchecked:
        count = net.below_unchecked
        notes.append(f"what reads them: {count} layer{'s'[: count > 1]} in {phase}")
    return []


def check_any(
    path: str, phase: str | None = None, unchecked: list[str] | None = None
) -> list[NetError]:
    """Every problem of a file that holds a net or a solver; ``unchecked`` as ``check_net``'s."""
    try:
        loaded = load_any(path)
    except NetError as error:
        return list(error.all)
    if loaded.errors:
        return list(loaded.errors)
    is_net = loaded.message.DESCRIPTOR.name == "NetParameter"
    return check_net(loaded, phase, unchecked) if is_net else []
