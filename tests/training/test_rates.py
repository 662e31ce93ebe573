"""The learning rate's policies and the forks' warm-ups, against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protonet.schema.load import load
from protonet.training.rates import Progress, learning_rate, momentum


def rates(text, count=20, **progress):
    solver = load(f"{text}\nmax_iter: {count}\n", "SolverParameter").message
    state = Progress(**progress)
    found = []
    for iteration in range(count):
        state.iteration = iteration
        found.append(learning_rate(solver, state))
    return found


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ('lr_policy: "fixed"', lambda _: 0.1),
        ('lr_policy: "step" gamma: 0.5 stepsize: 3', lambda i: 0.1 * 0.5 ** (i // 3)),
        ('lr_policy: "exp" gamma: 0.9', lambda i: 0.1 * 0.9**i),
        ('lr_policy: "inv" gamma: 0.01 power: 0.75', lambda i: 0.1 * (1 + 0.01 * i) ** -0.75),
        (
            'lr_policy: "multistep" gamma: 0.1 stepvalue: 4 stepvalue: 9',
            lambda i: 0.1 * 0.1 ** ((i >= 4) + (i >= 9)),
        ),
        ('lr_policy: "poly" power: 2', lambda i: 0.1 * (1 - i / 20) ** 2),
        (
            'lr_policy: "sigmoid" gamma: -0.3 stepsize: 8',
            lambda i: 0.1 / (1 + np.exp(0.3 * (i - 8))),
        ),
        (
            'lr_policy: "sigmoid" gamma: 0.7 stepsize: 8',
            lambda i: 0.1 / (1 + math.exp(-0.7 * (i - 8))),
        ),
        (
            'lr_policy: "poly" power: 2 min_lr: 0.01',
            lambda i: 0.01 + 0.09 * (1 - i / 20) ** 2,
        ),
        ('lr_policy: "exp" gamma: 0.5 min_lr: 0.01', lambda i: max(0.01, 0.1 * 0.5**i)),
        (
            'lr_policy: "fixed" rampup_interval: 5 rampup_lr: 0.02',
            lambda i: 0.02 + 0.08 * (i / 5) ** 2 if i < 5 else 0.1,
        ),
        (
            'lr_policy: "step" gamma: 0.5 stepsize: 3 warmup_iter: 4 warmup_start_lr: 0.02',
            lambda i: 0.02 + (0.1 - 0.02) * i / 4 if i < 4 else 0.1 * 0.5 ** (i // 3),
        ),
        (
            'lr_policy: "multifixed" stageiter: 3 stageiter: 8 stagelr: 0.5 stagelr: 0.25',
            lambda i: 0.5 if i <= 3 else 0.25,
        ),
    ],
)
def test_policies(text, formula):
    found = rates(f"base_lr: 0.1 {text}")
    np.testing.assert_allclose(found, [formula(i) for i in range(20)], rtol=1e-6)


def test_multistep_goes_on_from_a_snapshot():
    text = 'base_lr: 1 lr_policy: "multistep" gamma: 0.1 stepvalue: 4 stepvalue: 9'
    solver = load(f"{text}\n", "SolverParameter").message
    state = Progress(iteration=6, current_step=1)
    assert learning_rate(solver, state) == pytest.approx(0.1)
    assert state.current_step == 1
    # Caffe counts one step an iteration: it trusts the state's own count.
    state = Progress(iteration=12, current_step=0)
    assert [learning_rate(solver, state) for _ in range(3)] == pytest.approx([0.1, 0.01, 0.01])


def test_plateau_steps_where_the_loss_stays():
    text = 'base_lr: 1 lr_policy: "plateau" gamma: 0.1 plateau_winsize: 3 plateau_winsize: 3'
    solver = load(f"{text}\n", "SolverParameter").message
    state = Progress()
    found = []
    for iteration, loss in enumerate([5, 4, 3, 3, 3, 3, 2.5, 2.5, 2.5, 2.5, 2.5]):
        state.iteration, state.smoothed_loss = iteration, loss
        found.append(learning_rate(solver, state))
    assert found == pytest.approx([1] * 5 + [0.1] * 4 + [0.01] * 2)


def test_momentum_policies():
    text = "momentum: 0.9 max_momentum: 0.95 max_iter: 10 momentum_power: 1 momentum_policy: "
    poly = load(f'{text}"poly"\n', "SolverParameter").message
    assert momentum(poly, Progress(iteration=4), 0.1) == pytest.approx(0.92)
    best = load(f'{text}"opt"\n', "SolverParameter").message
    assert momentum(best, Progress(), 0.16) == pytest.approx(0.64)
    assert momentum(best, Progress(), 0.0001) == pytest.approx(0.95)
