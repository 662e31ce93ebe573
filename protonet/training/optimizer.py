"""The optimiser that a solver asks for, over a net's parameters; its history in Caffe's order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.layers.base import show
from protonet.schema.pool import Message
from protonet.training.nets import Weight
from protonet.training.resting import check_masked
from protonet.training.updates import OPTIMIZERS, CaffeOptimizer

_SETTINGS = {
    "weight_decay": "weight_decay",
    "regularization_type": "regularization",
    "clip_gradients": "clip_gradients",
    "iter_size": "iter_size",
    "larc": "larc",
    "larc_policy": "larc_policy",
    "larc_eta": "larc_eta",
    "local_lr_auto": "local_lr_auto",
    "local_gw_ratio": "local_gw_ratio",
}


def optimizer(
    method: str, solver: Message, weights: Sequence[Weight], processes: int = 1
) -> CaffeOptimizer:
    """An optimiser for a SolverParameter, a group for each pair of multipliers and their kind.

    NetError where there are no weights, or a layer's masks bar it.
    """
    if not weights:
        raise NetError("the net learns no parameters, there is nothing to train")
    check_masked(method, solver, weights, processes)
    cls = OPTIMIZERS[method]
    settings = {ours: getattr(solver, theirs) for theirs, ours in _SETTINGS.items()}
    settings |= {name: getattr(solver, name) for name in cls.own_defaults()}
    groups: dict[tuple[float, float, str], list[torch.Tensor]] = {}
    for weight in weights:
        # BatchNorm gives its statistics a rate of 0. BatchNormLayer::LayerSetUp.
        lr_mult = 0.0 if weight.param.is_statistic else weight.param.lr_mult
        kind = weight.param.regularization or solver.regularization_type
        key = (lr_mult, weight.param.decay_mult, kind)
        groups.setdefault(key, []).append(weight.tensor)
    moving = {w.tensor: w.moving for w in weights if w.moving is not None}
    made = cls(
        [
            {"params": tensors, "lr_mult": lr_mult, "decay_mult": decay, "regularization": kind}
            for (lr_mult, decay, kind), tensors in groups.items()
        ],
        lr=solver.base_lr,
        **settings,
    )
    made.moving = moving
    _rest(made)
    return made


def _rest(made: CaffeOptimizer) -> None:
    """Pass over groups that nothing can move: a rate of zero, and momentum at rest."""
    if len(made.histories) > 1 or "momentum" not in made.own_defaults():
        return
    for group in made.param_groups:
        history = [made.state[parameter]["history"] for parameter in group["params"]]
        group["moving"] = bool(group["lr_mult"]) or any(bool(h.any()) for h in history)


def read_history(made: CaffeOptimizer, weights: Sequence[Weight]) -> list[Array]:
    """Every history blob, as SGDSolver::SnapshotSolverState lists them, in Caffe's shapes."""
    return [
        weight.to_caffe(made.state[weight.tensor][name])
        for name in made.histories
        for weight in weights
    ]


def write_history(
    made: CaffeOptimizer, weights: Sequence[Weight], history: Sequence[Array], iteration: int
) -> None:
    """Take the history of a solver state. NetError where its length or a shape does not fit."""
    wanted = len(made.histories) * len(weights)
    if len(history) != wanted:
        what = f"the solver state has {len(history)} history blobs, the net and the solver "
        hint = "it belongs to another net, or to another type of solver"
        raise NetError(f"{what}take {wanted}", None, hint)
    blobs = iter(history)
    for name in made.histories:
        for weight in weights:
            blob = np.asarray(next(blobs), dtype=np.float32)
            if blob.size != weight.param.size:
                what = f"the history of layer {weight.param.owner.name!r} has the shape "
                what += f"{show(tuple(blob.shape))}, its blob {show(weight.param.shape)}"
                raise NetError(what, None, "the solver state belongs to another net")
            state = made.state[weight.tensor][name]
            state.copy_(weight.from_caffe(blob))
    for group in made.param_groups:
        group["step"] = iteration
    _rest(made)
