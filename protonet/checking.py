"""check: every problem of a net or a solver, in the phases that it is meant for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from protonet.api import shapes_of_data, warn, warn_of_ignored
from protonet.diagnostics import NetError, Source
from protonet.garbage import uncollected
from protonet.graph import build
from protonet.graph.files import attach_files
from protonet.graph.meant import meant
from protonet.graph.notices import notices
from protonet.schema.doubt import doubt
from protonet.schema.load import Define, Loaded, Readable, defined, load, load_any
from protonet.schema.select import data_elsewhere, select
from protonet.schema.upgrade import upgrade
from protonet.selection import PHASES, Selection


@uncollected()
def check(source: Readable, phase: str | None = None, define: Define = None) -> list[NetError]:
    """Every problem of a net, in the order of the file; none means it is right.

    Each phase that the file is meant for is looked at, or the one named: a phase without data, a
    loss or an input of its own is not meant, nor is one whose data layers are of the other. A
    data layer whose shape only its data would tell is no problem. ``define`` fills the placeholders
    of a template, {"WIDTH": 640}.
    """
    try:
        loaded = load(defined(source, define), "NetParameter")
    except NetError as error:
        return list(error.all)
    return check_net(loaded, phase)


@uncollected()
def check_net(
    loaded: Loaded, phase: str | None = None, unchecked: list[str] | None = None
) -> list[NetError]:
    """The problems of a net: of its text, its layers and what these read, each told once.

    ``unchecked`` takes what could not be looked at: data and files that are not there.
    """
    try:
        asked = Selection.of(phase).phase if phase is not None else None
        upgraded = upgrade(loaded, lenient=True)
    except NetError as error:
        return _in_order([*loaded.errors, *_unlike(error.all, loaded)])
    if not upgraded.errors:
        warn_of_ignored(upgraded)
    nets = {name: select(upgraded, name) for name in PHASES}
    if not any(len(net.message.layer) or net.errors for net in nets.values()):
        return [NetError("the net is empty: it has no layer", loaded.sourcemap.span(()))]
    found: list[NetError] = []
    notes: list[str] = []
    for name in (asked,) if asked else meant(nets):
        away = frozenset() if asked else data_elsewhere(upgraded, nets[name])
        found += _of_phase(nets[name], name, away, notes)
    if unchecked is not None:
        unchecked.extend(dict.fromkeys(notes))
    return _in_order(found)


def _unlike(errors: Sequence[NetError], loaded: Loaded) -> list[NetError]:
    """The errors that do not stand where the text has one already."""
    known = doubt(loaded.sourcemap, loaded.errors)
    return [error for error in errors if not known.covers(error.span)]


def _in_order(errors: Iterable[NetError]) -> list[NetError]:
    """Each error once, though several phases have it, in the order of the file."""
    once: dict[tuple[str, int], NetError] = {}
    for error in errors:
        once.setdefault((error.message, error.span.start if error.span else -1), error)
    return sorted(once.values(), key=lambda e: e.span.start if e.span else -1)


def _of_phase(
    selected: Loaded, phase: str, away: frozenset[str], notes: list[str]
) -> list[NetError]:
    """The problems of the net of one phase; ``away`` are blobs of another's data layers."""
    selected = _with_files(selected)
    try:
        measure = partial(shapes_of_data, selected, phase)
        net = build(selected, phase, lenient=True, elsewhere=away, measure=measure)
    except NetError as error:
        return [*selected.errors, *error.all]
    if selected.errors or away:  # in another's case this phase has no net, which is said by itself
        return list(selected.errors)
    warn(notices(net))
    notes += net.unchecked
    if net.below_unchecked and net.unchecked:
        count = net.below_unchecked
        notes.append(f"what reads them: {count} layer{'s'[: count > 1]} in {phase}")
    return []


def _with_files(selected: Loaded) -> Loaded:
    """The net with the blobs of the files that it names, or with the errors of these."""
    try:
        attach_files(selected, lenient=True)
    except NetError as error:
        return replace(selected, errors=(*selected.errors, *_unlike(error.all, selected)))
    return selected


def check_any(
    source: str | os.PathLike[str] | Source,
    phase: str | None = None,
    unchecked: list[str] | None = None,
) -> list[NetError]:
    """Every problem of a net, or of a solver's fields; ``unchecked`` as ``check_net``'s."""
    try:
        loaded = load_any(source)
    except NetError as error:
        return list(error.all)
    is_net = loaded.message.DESCRIPTOR.name == "NetParameter"
    return check_net(loaded, phase, unchecked) if is_net else list(loaded.errors)
