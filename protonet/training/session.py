"""protonet.train: open what a solver names, train, close."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from protonet.data.definition import fresh_seed
from protonet.device import device_kind
from protonet.diagnostics import NetError
from protonet.given import flag_given, mapping_given, one_given, path_given
from protonet.runtime.sharing import share_weights
from protonet.schema.load import Define, Readable, defined
from protonet.schema.lookup import found
from protonet.training.evaluate import Score
from protonet.training.gpu import gpu_told
from protonet.training.gradients import Gradients
from protonet.training.log import Log
from protonet.training.log_kinds import open_log
from protonet.training.loop import solve
from protonet.training.memory import keep_memory
from protonet.training.nets import Net, open_net
from protonet.training.optimizer import optimizer, write_history
from protonet.training.parallel import Group, is_joined, joined, told_once
from protonet.training.plan import Plan, check_prefix, plan
from protonet.training.random import seed_random
from protonet.training.run import Run
from protonet.training.signals import Signals
from protonet.training.snapshot import learned_net, read_snapshot, restore_position
from protonet.weights.caffemodel import refuse_twins
from protonet.weights.mapping import load_weights
from protonet.weights.read import split_paths

PRECISIONS = ("fp32", "bf16")
_CPU = 0
_ECHO = 1.0


@dataclass(frozen=True)
class Trained:
    """What a run leaves: the net, its loss, the last tests' means, its last snapshot."""

    net: nn.Module
    iteration: int
    loss: float
    tests: dict[int, list[Score]]
    snapshot: str
    signal: int = 0


def train(
    solver: Readable | Plan,
    *,
    weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = (),
    snapshot: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    compile: bool = False,  # noqa: A002 (as torch.compile)
    log: str | Log = "auto",
    tensorboard: str | None = None,
    effects: Mapping[str, str] | None = None,
    allow_python: bool = False,
    define: Define = None,
) -> Trained:
    """Train as ``caffe train`` does: to max_iter, with tests, logs and snapshots.

    ``solver`` is a path, a prototxt's text or a SolverParameter message. ``weights`` are
    caffemodels to start from, ``snapshot`` a solver state to resume. ``log`` is auto, caffe, rich,
    json or none, or a Log. ``effects`` gives what signals do, {"SIGINT": "stop"}: stop, snapshot or
    none. ``define`` fills the placeholders of the solver and of its nets, {"WIDTH": 640}.
    Under torchrun the processes train together. Raises NetError, with its place, where the
    solver, a net, its data or a file is wrong, and where the loss is no number.
    """
    _look_at(snapshot, tensorboard, effects)
    made = solver if isinstance(solver, Plan) else plan(defined(solver, define))
    paths = _paths(weights, snapshot)
    options = {
        "precision": one_given(precision, "precision", PRECISIONS),
        "compiled": flag_given(compile, "compile"),
        "allow_python": flag_given(allow_python, "allow_python"),
    }
    with gpu_told(), opened(made, device, log, tensorboard, effects, **options) as run:
        with told_once():
            refuse_twins(run.net.message)
            _start(run, paths, snapshot)
        solve(run)
        return _result(run)


def _look_at(snapshot: Any, tensorboard: Any, effects: Any) -> None:
    """NetError where something that a caller gives is of the wrong type."""
    if snapshot is not None:
        path_given(snapshot, "the snapshot", 'snapshot="net_iter_100.solverstate"')
    if tensorboard is not None:
        path_given(tensorboard, "the folder for TensorBoard", 'tensorboard="runs"')
    if effects is not None:
        mapping_given(effects, "the effects of signals", 'effects={"SIGINT": "stop"}')


def _paths(weights: Any, snapshot: str | None) -> list[str]:
    """The weights that a caller names; a text may hold several, which are told apart later."""
    one = isinstance(weights, str | os.PathLike)
    paths = [] if weights is None else [os.fspath(weights)] if one else split_paths(weights)
    if paths and snapshot:
        what = "a snapshot to resume and weights to start from are both given"
        raise NetError(what, None, "give one of them")
    return paths


@contextmanager
def opened(
    made: Plan,
    device: str = "auto",
    log: str | Log = "none",
    board: str | None = None,
    effects: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[Run]:
    """A run that stands before its first iteration: ``loop.step`` does one, ``solve`` all."""
    stated = made.solver.HasField("solver_mode")  # its default is GPU, which asks for nothing
    asks_cpu = stated and made.solver.solver_mode == _CPU
    kind = device_kind(device, asks_cpu=asks_cpu)
    if kind == "cpu":
        keep_memory()
    # torchrun passes on a Ctrl-C that each process has from the terminal already.
    with Signals(effects, echo=_ECHO if is_joined() else 0.0) as signals, joined(kind) as group:
        writes = _log(log, board, group)
        if kind == "cpu" and device == "auto" and stated and not asks_cpu:
            writes.said("solver_mode is GPU, but torch sees no GPU here: the CPU trains")
        try:
            with ExitStack() as stack:
                with told_once():
                    nets = stack.enter_context(_nets(made, group, kind, **options))
                yield _run(made, group, nets, writes, signals)
        finally:
            writes.close()


def _log(log: str | Log, board: str | None, group: Group) -> Log:
    """The log of this process; only the first of a run says anything."""
    if not group.is_root:
        return Log()
    return log if isinstance(log, Log) else open_log(log, board)


@contextmanager
def _nets(
    made: Plan, group: Group, kind: str, compiled: bool = False, **options: Any
) -> Iterator[list[Net]]:
    """The training net, then the test nets on the first process, all holding the same blobs."""
    check_prefix(made)
    seed = made.solver.random_seed if made.solver.random_seed >= 0 else _common_seed(group)
    seed_random(seed + group.rank)
    index = torch.cuda.current_device() if kind == "cuda" else None
    device = torch.device(kind, index) if index is not None else torch.device(kind)
    nets: list[Net] = []
    whole = False
    options |= {"seed": seed, "layer_by_layer": bool(made.solver.debug_info)}
    try:
        first = open_net(
            made.train, device, rank=group.rank, world=group.size, compiled=compiled, **options
        )
        nets.append(first)
        for test in made.tests if group.is_root else ():
            nets.append(open_net(test, device, **options))
            share_weights(nets[-1].module, first.module)
        _lay_out_alike(first, group)
        yield nets
        whole = True
    finally:
        for net in nets:
            net.close(whole)


def _lay_out_alike(net: Net, group: Group) -> None:
    """Lay the weights out as on the first process, where test nets may take views of them.

    What the processes send each other is memory as it lies.
    """
    tensors = [weight.tensor for weight in net.weights()]
    firsts = group.gather([tensor.stride() for tensor in tensors])[0]
    for tensor, strides in zip(tensors, firsts, strict=True):
        if tensor.stride() != strides:
            other = tensor.detach().new_empty_strided(tensor.shape, strides)
            tensor.data = other.copy_(tensor.detach())


def _common_seed(group: Group) -> int:
    seeds = group.gather(fresh_seed())
    return int(seeds[0])


def _run(made: Plan, group: Group, nets: list[Net], log: Log, signals: Signals) -> Run:
    net = nets[0]
    weights = net.weights()
    for weight in weights:  # Caffe computes no gradient either: param_propagate_down
        is_learned = net.graph.computes_gradient(weight.param)
        if isinstance(weight.tensor, nn.Parameter) and not is_learned:
            weight.tensor.requires_grad_(False)
    # debug_info says the gradients of each process before they are averaged.
    layer_wise = made.solver.layer_wise_reduce and not made.solver.debug_info
    gradients = Gradients([w.tensor for w in weights], group, layer_wise)
    chosen = optimizer(made.method, made.solver, weights, group.size)
    chosen.keep_updates = made.solver.snapshot_diff or made.solver.debug_info
    return Run(made, group, net, nets[1:], weights, chosen, gradients, log, signals)


def _start(run: Run, paths: Sequence[str], snapshot: str | None) -> None:
    """Take weights or a snapshot; every process begins with the first one's."""
    for notice in run.plan.notices:
        run.log.said(notice)
    if snapshot:
        resume(run, snapshot)
    given = paths or ([] if snapshot else list(run.plan.solver.weights))
    for name in (one for several in given for one in split_paths(several)):
        path = found(name, run.plan.train.folder)
        matched = load_weights(run.net.module, path)
        run.log.said(f"Finetuning from {path}")
        if matched.missing:
            run.log.said(f"Layers that it does not have: {', '.join(matched.missing)}")
    for weight in run.weights:
        run.group.from_root(weight.tensor.detach())


def resume(run: Run, path: str) -> None:
    """Go on from a solver state: the weights, the history, the iteration, where the data stood."""
    state, position = read_snapshot(path)
    load_weights(run.net.module, learned_net(state, path))
    write_history(run.optimizer, run.weights, state.history, state.iteration)
    run.progress.iteration, run.progress.current_step = state.iteration, state.current_step
    run.last_snapshot = path
    run.log.said(f"Restoring previous solver status from {path}")
    if position is None or len(position.ranks) != run.group.size:
        run.log.said("There is no position of the data beside it: it starts at the first record")
        return
    run.losses = deque(position.losses)
    run.progress.minimum_loss = position.minimum_loss
    run.progress.last_event = position.last_event
    restore_position(position, run.group.rank, run.net, run.tests)


def _result(run: Run) -> Trained:
    run.net.module.eval().requires_grad_(True)
    loss = run.progress.smoothed_loss
    received = run.signals.received if run.stopping else 0
    return Trained(
        run.net.module, run.iteration, loss, run.tested, run.last_snapshot, int(received)
    )
