"""Learning rate and momentum of an iteration: Caffe's policies and the forks' warm-ups."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from protonet.schema.pool import Message


@dataclass
class Progress:
    """How far the solver is: what a policy remembers from one iteration to the next."""

    iteration: int = 0
    current_step: int = 0
    smoothed_loss: float = 0.0
    minimum_loss: float = math.inf
    last_event: int = 0


def learning_rate(solver: Message, progress: Progress) -> float:
    """The rate of the iteration about to be applied, in single precision as Caffe's.

    Counts current_step on, where the policy has one. Source: SGDSolver::GetLearningRate;
    rampup_interval, min_lr: NVCaffe 0.17; warmup_iter, multifixed: Intel Caffe; plateau: SSD.
    """
    iteration = progress.iteration
    if iteration < solver.rampup_interval:
        share = (iteration / solver.rampup_interval) ** 2
        rate = solver.rampup_lr + (solver.base_lr - solver.rampup_lr) * share
    elif iteration < solver.warmup_iter:
        left = solver.warmup_iter - iteration
        rate = (iteration * solver.base_lr + left * solver.warmup_start_lr) / solver.warmup_iter
    else:
        rate = max(_POLICIES[solver.lr_policy](solver, progress), solver.min_lr)
    return float(np.float32(rate))


def momentum(solver: Message, progress: Progress, rate: float) -> float:
    """The momentum of an iteration. Source: SGDSolver::GetMomentum of NVCaffe."""
    if solver.momentum_policy == "poly":
        share = (progress.iteration / solver.max_iter) ** solver.momentum_power
        return float(solver.momentum + (solver.max_momentum - solver.momentum) * share)
    if solver.momentum_policy == "opt":
        best = (1 - 0.5 * math.sqrt(rate)) ** 2
        return min(solver.max_momentum, best) if solver.HasField("max_momentum") else best
    return float(solver.momentum)


def _fixed(solver: Message, _progress: Progress) -> float:
    return float(solver.base_lr)


def _step(solver: Message, progress: Progress) -> float:
    progress.current_step = progress.iteration // solver.stepsize
    return _stepped(solver, progress)


def _exp(solver: Message, progress: Progress) -> float:
    return float(solver.base_lr * solver.gamma**progress.iteration)


def _inv(solver: Message, progress: Progress) -> float:
    return float(solver.base_lr * (1 + solver.gamma * progress.iteration) ** -solver.power)


def _multistep(solver: Message, progress: Progress) -> float:
    step = progress.current_step
    if step < len(solver.stepvalue) and progress.iteration >= solver.stepvalue[step]:
        progress.current_step += 1
    return _stepped(solver, progress)


def _poly(solver: Message, progress: Progress) -> float:
    left = 1 - progress.iteration / solver.max_iter
    least = solver.min_lr
    return float(least + (solver.base_lr - least) * left**solver.power)


def _sigmoid(solver: Message, progress: Progress) -> float:
    away = -solver.gamma * (progress.iteration - solver.stepsize)
    return float(solver.base_lr / (1 + math.exp(min(away, 700.0))))


def _plateau(solver: Message, progress: Progress) -> float:
    """One step down where the smoothed loss has not fallen for plateau_winsize iterations."""
    if progress.smoothed_loss < progress.minimum_loss:
        progress.minimum_loss = progress.smoothed_loss
        progress.last_event = progress.iteration
    waited = progress.iteration - progress.last_event
    step, windows = progress.current_step, solver.plateau_winsize
    if step < len(windows) and waited >= windows[step]:
        progress.current_step += 1
        progress.last_event = progress.iteration
    return _stepped(solver, progress)


def _multifixed(solver: Message, progress: Progress) -> float:
    stages = zip(solver.stageiter, solver.stagelr, strict=True)
    rates = [rate for end, rate in stages if progress.iteration <= end]
    return float(rates[0] if rates else solver.stagelr[-1])


def _stepped(solver: Message, progress: Progress) -> float:
    return float(solver.base_lr * solver.gamma**progress.current_step)


_POLICIES: dict[str, Callable[[Any, Progress], float]] = {
    "fixed": _fixed,
    "step": _step,
    "exp": _exp,
    "inv": _inv,
    "multistep": _multistep,
    "poly": _poly,
    "sigmoid": _sigmoid,
    "plateau": _plateau,
    "multifixed": _multifixed,
}
