"""What Caffe's solvers refuse in their settings, and what the forks' fields may say."""

from __future__ import annotations

from collections.abc import Iterator

from protonet.diagnostics import did_you_mean
from protonet.schema.pool import Message

# A problem: what is wrong, the path of the field, what would be right.
Problem = tuple[str, tuple[str | int, ...], str | None]

AP_VERSIONS = ("11point", "MaxIntegral", "Integral")
METHODS = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
_NEEDED = {
    "fixed": (),
    "step": ("gamma", "stepsize"),
    "exp": ("gamma",),
    "inv": ("gamma", "power"),
    "multistep": ("gamma",),
    "poly": ("power",),
    "sigmoid": ("gamma", "stepsize"),
    "plateau": ("gamma",),
    "multifixed": (),
}
_FEWEST = {"average_loss": 1, "iter_size": 1, "max_iter": 0, "snapshot": 0, "test_interval": 0}
_WITHOUT_MOMENTUM = ("AdaGrad", "RMSProp")
_OF_OTHERS = {
    "multinode_param": "it is Intel's way to several machines: use torchrun",
    "update_interval": "iter_size accumulates gradients",
    "test_offset": "it is Intel's, for detection",
    "test_and_snapshot_last_epochs": "set test_interval and snapshot",
    "show_pr_value": "what its fork prints is published nowhere; take it out to go without it",
}


def method(solver: Message) -> str:
    """The name of the method, from type or from the old solver_type."""
    return METHODS[solver.solver_type] if solver.HasField("solver_type") else str(solver.type)


def problems(solver: Message) -> Iterator[Problem]:
    """Everything that is unknown or contradictory in a SolverParameter."""
    yield from _nets(solver)
    yield from _tests(solver)
    yield from _method(solver)
    yield from _policy(solver)
    yield from _numbers(solver)
    yield from _forks(solver)


def _nets(solver: Message) -> Iterator[Problem]:
    fields = ("net", "net_param", "train_net", "train_net_param")
    given = [name for name in fields if solver.HasField(name)]
    if not given:
        yield "the solver names no net", (), 'write net: "train_val.prototxt"'
    for name in given[1:]:
        what = f"the training net is given twice, by {given[0]} and {name}"
        yield what, (name,), f"it takes one of {', '.join(fields)}"


def _tests(solver: Message) -> Iterator[Problem]:
    generic = solver.HasField("net") or solver.HasField("net_param")
    own = len(solver.test_net) + len(solver.test_net_param)
    iterations = len(solver.test_iter)
    total = max(own, iterations) if generic else own
    if (iterations < own) if generic else (iterations != own):
        field = ("test_iter", 0) if iterations else ("test_net", 0)
        what = f"test_iter is given {iterations} times for {own} test nets"
        yield what, field, "give test_iter once for each test net"
    if total and solver.test_interval <= 0:
        what = "a net is to be tested, but test_interval is not above 0"
        yield what, ("test_interval",), "say after how many iterations"
    if len(solver.test_state) not in (0, total):
        what = f"test_state is given {len(solver.test_state)} times for {total} test nets"
        yield what, ("test_state", 0), "give it once for each test net, or not at all"
    for index, count in enumerate(solver.test_iter):
        if count < 0:
            yield f"test_iter can't be below 0, it is {count}", ("test_iter", index), None


def _method(solver: Message) -> Iterator[Problem]:
    if solver.HasField("type") and solver.HasField("solver_type"):
        what = "the old solver_type and the new type are both given"
        yield what, ("solver_type",), "keep one of them"
    name = method(solver)
    if name not in METHODS:
        hint = did_you_mean(name, METHODS) or f"it is one of {', '.join(METHODS)}"
        yield f"the solver's type {name!r} is unknown", ("type",), hint
    if name in _WITHOUT_MOMENTUM and solver.momentum:
        what = f"momentum can't be used with {name}, it is {solver.momentum:g}"
        yield what, ("momentum",), "take it out"
    if name == "RMSProp" and not 0 <= solver.rms_decay < 1:
        what = f"rms_decay must be at least 0 and below 1, not {solver.rms_decay:g}"
        yield what, ("rms_decay",), None
    if solver.regularization_type not in ("L1", "L2"):
        what = f"the regularization_type {solver.regularization_type!r} is unknown"
        yield what, ("regularization_type",), "it is L1 or L2"


def _policy(solver: Message) -> Iterator[Problem]:
    policy = solver.lr_policy
    if policy not in _NEEDED:
        hint = did_you_mean(policy, _NEEDED) or f"it is one of {', '.join(_NEEDED)}"
        what = f"the lr_policy {policy!r} is unknown" if policy else "the solver has no lr_policy"
        yield what, ("lr_policy",), hint
        return
    if policy != "multifixed" and not solver.HasField("base_lr"):
        yield "the solver has no base_lr", (), "give base_lr"
    for name in _NEEDED[policy]:
        if not solver.HasField(name):
            yield f"lr_policy {policy!r} needs {name}", ("lr_policy",), f"give {name}"
    if "stepsize" in _NEEDED[policy] and solver.HasField("stepsize") and solver.stepsize < 1:
        yield f"stepsize must be above 0, not {solver.stepsize}", ("stepsize",), None
    # A sigmoid falls where gamma is below 0; Caffe 1.0 takes it.
    if "gamma" in _NEEDED[policy] and solver.gamma < 0 and policy != "sigmoid":
        yield f"gamma can't be below 0, it is {solver.gamma:g}", ("gamma",), None
    yield from _steps(solver)


def _steps(solver: Message) -> Iterator[Problem]:
    policy, values = solver.lr_policy, list(solver.stepvalue)
    if policy == "multistep" and not values:
        yield "lr_policy 'multistep' needs stepvalue", ("lr_policy",), "give stepvalue, or 'fixed'"
    for index, (before, after) in enumerate(zip(values, values[1:], strict=False), 1):
        if after <= before:
            what = f"stepvalue must rise, but {after} follows {before}"
            yield what, ("stepvalue", index), None
    if policy == "plateau" and not len(solver.plateau_winsize):
        yield "lr_policy 'plateau' needs plateau_winsize", ("lr_policy",), "give plateau_winsize"
    if policy == "multifixed":
        rates, ends = len(solver.stagelr), len(solver.stageiter)
        if not rates or rates != ends:
            what = f"stagelr is given {rates} times and stageiter {ends} times"
            yield what, ("lr_policy",), "give both once for each stage"


def _numbers(solver: Message) -> Iterator[Problem]:
    for name, fewest in _FEWEST.items():
        value = getattr(solver, name)
        if value < fewest:
            yield f"{name} must be at least {fewest}, not {value}", (name,), None
    if solver.display < 0:
        yield f"display can't be below 0, it is {solver.display}", ("display",), None


def _forks(solver: Message) -> Iterator[Problem]:
    for name, hint in _OF_OTHERS.items():
        if solver.HasField(name) and getattr(solver, name):
            yield f"{name} is a fork's, not supported", (name,), hint
    if solver.eval_type not in ("classification", "detection"):
        what = f"the eval_type {solver.eval_type!r} is not supported"
        yield what, ("eval_type",), "it is classification or detection"
    if solver.ap_version not in AP_VERSIONS:
        what = f"the ap_version {solver.ap_version!r} is unknown"
        yield what, ("ap_version",), f"it is one of {', '.join(AP_VERSIONS)}"
    if solver.larc_policy not in ("scale", "clip"):
        yield f"the larc_policy {solver.larc_policy!r} is unknown", ("larc_policy",), "scale, clip"
    if solver.momentum_policy not in ("fixed", "poly", "opt"):
        what = f"the momentum_policy {solver.momentum_policy!r} is unknown"
        yield what, ("momentum_policy",), "it is fixed, poly or opt"
    if solver.rampup_interval > 0 and solver.warmup_iter > 0:
        what = "rampup_interval (NVCaffe's) and warmup_iter (Intel's) are both given"
        yield what, ("warmup_iter",), "keep one of them"
    if solver.larc and solver.local_lr_auto:
        yield "larc and local_lr_auto are both given", ("local_lr_auto",), "keep one of them"
    local, name = solver.larc or solver.local_lr_auto, method(solver)
    if local and name not in ("SGD", "Nesterov"):
        field = "larc" if solver.larc else "local_lr_auto"
        what = f"{field} goes with SGD or Nesterov, not with {name}"
        yield what, (field,), None
