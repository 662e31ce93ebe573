"""From a solver's prototxt to a plan: every setting checked, every net found. Knows no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from protonet.api import read
from protonet.diagnostics import NetError, raise_all
from protonet.schema.doubt import doubt
from protonet.schema.load import Loaded, Readable, defined, load
from protonet.schema.lookup import found
from protonet.schema.pool import Message, message
from protonet.schema.sourcemap import Path as FieldPath
from protonet.schema.sourcemap import SourceMap
from protonet.training.settings import method, problems

_TRAIN_NETS = ("net", "net_param", "train_net", "train_net_param")
_PHASES = {0: "TRAIN", 1: "TEST"}


@dataclass(frozen=True)
class NetPlan:
    """A net to be built: its definition, the state that selects its layers, where it lies."""

    loaded: Loaded
    phase: str
    folder: str
    title: str
    iterations: int = 0


@dataclass(frozen=True)
class Plan:
    """A checked solver: its message, its method, its nets, and where snapshots go."""

    solver: Any
    places: SourceMap
    method: str
    train: NetPlan
    tests: tuple[NetPlan, ...]
    prefix: str
    notices: tuple[str, ...] = ()

    def error(self, what: str, *field: str | int, hint: str | None = None) -> NetError:
        """A mistake of the solver's file, at one of its fields."""
        return NetError(what, self.places.span(field), hint)


def plan(
    source: Readable,
    stages: Sequence[str] = (),
    level: int = 0,
    *,
    named: str | None = None,
    endless: bool = False,
) -> Plan:
    """The plan of a solver: a path, a text or a SolverParameter message.

    ``stages`` and ``level`` are added to train_state, as caffe's flags are. ``named`` is a method
    in the place of the solver's own; ``endless`` lets max_iter be missing, which is 0 then.
    Paths in it are taken from the working directory, as Caffe takes them, else from the solver's
    own folder. Raises NetErrors with every unknown or contradictory setting and its place.
    Source: Solver::Init, InitTrainNet, InitTestNets, UpgradeSolverAsNeeded.
    """
    loaded = load(source, "SolverParameter")
    raise_all(loaded.errors)
    solver = loaded.message
    if named is not None:
        solver.ClearField("solver_type")
        solver.type = named
    raise_all(_problems(loaded))
    if not (endless or solver.HasField("max_iter")):
        raise NetError("the solver has no max_iter", loaded.sourcemap.span(()), "give max_iter")
    solver.train_state.stage.extend(stages)
    if level:
        solver.train_state.level = level
    reader = _Reader(loaded)
    return Plan(
        solver,
        loaded.sourcemap,
        method(solver),
        reader.train(),
        tuple(reader.tests()),
        _prefix(loaded),
        tuple(_notices(solver)),
    )


def net_plan(source: Readable, phase: str, stages: Sequence[str] = (), level: int = 0) -> NetPlan:
    """The plan of a net on its own, for ``protonet test`` and ``time``."""
    loaded = read(source)
    net = message("NetParameter")
    net.CopyFrom(loaded.message)
    net.state.stage.extend(stages)
    if level:
        net.state.level = level
    name = loaded.source.name if loaded.source else "<message>"
    return NetPlan(replace(loaded, message=net), phase, loaded.folder, name)


def check_settings(loaded: Loaded) -> list[NetError]:
    """Every problem of a solver's settings; its nets and paths are not looked at.

    Where its text has errors, what lacks may be what these mean, and is not told.
    """
    known = doubt(loaded.sourcemap, loaded.errors)
    return [
        NetError(what, loaded.sourcemap.span(field), hint)
        for what, field, hint in problems(loaded.message)
        if not known
        or (loaded.sourcemap.stated(field) and not known.covers(loaded.sourcemap.span(field)))
    ]


def _problems(loaded: Loaded) -> list[NetError]:
    found = [
        NetError(what, loaded.sourcemap.span(field), hint)
        for what, field, hint in problems(loaded.message)
    ]
    return sorted(found, key=lambda error: error.span.start if error.span else 0)


class _Reader:
    """Reads the nets that a solver names or holds."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.solver = loaded.message
        self.map = loaded.sourcemap
        self.folder = loaded.folder

    def train(self) -> NetPlan:
        """The training net; its state is that of the net's file with train_state over it."""
        field = next(name for name in _TRAIN_NETS if self.solver.HasField(name))
        made = self.net((field,), "TRAIN")
        return self.with_state(made, self.solver.train_state, ("train_state",))

    def tests(self) -> Iterator[NetPlan]:
        """test_net_param first, then test_net, then the net itself for each test_iter left."""
        paths: list[FieldPath] = [
            ("test_net_param", i) for i in range(len(self.solver.test_net_param))
        ]
        paths += [("test_net", i) for i in range(len(self.solver.test_net))]
        generic = next((n for n in ("net_param", "net") if self.solver.HasField(n)), "")
        left = len(self.solver.test_iter) - len(paths)
        paths += [(generic,)] * (left if generic else 0)
        for number, path in enumerate(paths):
            made = self.net(path, "TEST")
            if len(self.solver.test_state):
                state = self.solver.test_state[number]
                made = self.with_state(made, state, ("test_state", number))
            yield replace(made, iterations=self.solver.test_iter[number])

    def net(self, path: FieldPath, phase: str) -> NetPlan:
        value = self.value(path)
        if isinstance(value, str):
            return self.file(value, path, phase)
        field = ".".join(str(part) for part in path)
        return NetPlan(self.nested(value, path), phase, self.folder, field)

    def value(self, path: FieldPath) -> Any:
        value = getattr(self.solver, str(path[0]))
        return value[path[1]] if len(path) > 1 else value

    def file(self, name: str, path: FieldPath, phase: str) -> NetPlan:
        path_found = found(name, self.folder)
        if not os.path.isfile(path_found):
            what = f"the net {name!r} is not there"
            hint = "Caffe takes the path from the working directory; the solver's folder is tried"
            raise NetError(what, self.map.span(path), hint)
        own = self.loaded.source
        loaded = read(defined(path_found, own.define if own else None))
        return NetPlan(loaded, phase, loaded.folder, f"{path[0]} file: {path_found}")

    def nested(self, net: Message, path: FieldPath) -> Loaded:
        """A net that stands in the solver's own text, with its places there."""
        moves: dict[FieldPath, FieldPath] = {
            (field.name,): (*path, field.name) for field in net.DESCRIPTOR.fields
        }
        own = message("NetParameter")
        own.CopyFrom(net)
        return read(replace(self.loaded, message=own, sourcemap=self.map.moved(moves)))

    def with_state(self, made: NetPlan, state: Message, field: FieldPath) -> NetPlan:
        """The net under a NetState of the solver, which adds stages and replaces the level."""
        if state.HasField("phase") and _PHASES[state.phase] != made.phase:
            what = f"the state of a {made.phase} net can't have the phase {_PHASES[state.phase]}"
            raise NetError(what, self.map.span((*field, "phase")), "leave the phase out")
        net = message("NetParameter")
        net.CopyFrom(made.loaded.message)
        net.state.MergeFrom(state)
        return replace(made, loaded=replace(made.loaded, message=net))


def _prefix(loaded: Loaded) -> str:
    """Where snapshots go. Source: UpgradeSnapshotPrefixProperty."""
    own = os.path.splitext(loaded.source.name)[0] if loaded.source else "snapshot"
    own = "snapshot" if own.startswith("<") else own
    stated: str = loaded.message.snapshot_prefix
    if not stated:
        return own
    return os.path.join(stated, os.path.basename(own)) if os.path.isdir(stated) else stated


def check_prefix(plan: Plan) -> None:
    """NetError unless snapshots can be written. Source: Solver::CheckSnapshotWritePermissions."""
    folder = os.path.dirname(plan.prefix) or "."
    if not os.path.isdir(folder):
        what = f"snapshots would go to {folder!r}, a folder that is not there"
        raise plan.error(what, "snapshot_prefix", hint=f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        raise plan.error(f"nothing can be written to {folder!r}", "snapshot_prefix")


def _notices(solver: Any) -> Iterator[str]:
    """What a file asks for that makes no difference, said rather than passed over."""
    nets = len(solver.test_iter) + len(solver.test_net) + len(solver.test_net_param)
    if solver.test_interval and not nets:
        yield "test_interval is set, but no net is tested: test_iter says over how many batches"
    if solver.larc_turbo:
        yield "larc_turbo is left out: NVCaffe has it in its SAG solver only"
    if solver.HasField("solver_data_type"):
        yield "solver_data_type is left out: the state is in single precision, as Caffe's"
