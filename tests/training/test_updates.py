"""The optimisers against the formulas written out in numpy, in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from protonet.training.updates import OPTIMIZERS, SGD

STEPS = 6
SETTINGS = {
    "SGD": {"momentum": 0.9},
    "Nesterov": {"momentum": 0.9},
    "AdaGrad": {"delta": 1e-4},
    "RMSProp": {"delta": 1e-4, "rms_decay": 0.9},
    "AdaDelta": {"delta": 1e-4, "momentum": 0.9},
    "Adam": {"delta": 1e-4, "momentum": 0.9, "momentum2": 0.99},
}


def formula(name, state, gradient, rate, step, p):
    """What a method takes off the weights, from the equations of its paper as Caffe has them."""
    first = state.setdefault("first", np.zeros_like(gradient))
    second = state.setdefault("second", np.zeros_like(gradient))
    if name in ("SGD", "Nesterov"):
        velocity = p["momentum"] * first + rate * gradient
        state["first"] = velocity
        ahead = (1 + p["momentum"]) * velocity - p["momentum"] * first
        return velocity if name == "SGD" else ahead
    if name == "AdaGrad":
        state["first"] = first + gradient**2
        return rate * gradient / (np.sqrt(state["first"]) + p["delta"])
    if name == "RMSProp":
        state["first"] = p["rms_decay"] * first + (1 - p["rms_decay"]) * gradient**2
        return rate * gradient / (np.sqrt(state["first"]) + p["delta"])
    if name == "AdaDelta":
        mean = p["momentum"]
        state["first"] = mean * first + (1 - mean) * gradient**2
        move = gradient * np.sqrt((second + p["delta"]) / (state["first"] + p["delta"]))
        state["second"] = mean * second + (1 - mean) * move**2
        return rate * move
    state["first"] = p["momentum"] * first + (1 - p["momentum"]) * gradient
    state["second"] = p["momentum2"] * second + (1 - p["momentum2"]) * gradient**2
    unbiased = state["first"] / (1 - p["momentum"] ** step)
    spread = np.sqrt(state["second"]) / np.sqrt(1 - p["momentum2"] ** step)
    return rate * unbiased / (spread + p["delta"] / np.sqrt(1 - p["momentum2"] ** step))


def gradients(shapes):
    random = np.random.default_rng(3)
    return [[random.normal(size=shape) for shape in shapes] for _ in range(STEPS)]


def run(made, parameters, steps, rates):
    for values, rate in zip(steps, rates, strict=True):
        for group in made.param_groups:
            group["lr"] = rate
        for parameter, value in zip(parameters, values, strict=True):
            parameter.grad = torch.tensor(value)
        made.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("regularization", ["L1", "L2"])
def test_against_the_formulas(name, regularization):
    shapes = [(3, 4), (5,)]
    random = np.random.default_rng(4)
    start = [random.normal(size=shape) for shape in shapes]
    parameters = [nn.Parameter(torch.tensor(value)) for value in start]
    mults = [(1.0, 1.0), (2.0, 0.5)]
    groups = [
        {"params": [p], "lr_mult": a, "decay_mult": b}
        for p, (a, b) in zip(parameters, mults, strict=True)
    ]
    common = {"weight_decay": 0.05, "regularization": regularization, "iter_size": 2}
    made = OPTIMIZERS[name](groups, lr=0.1, **common, clip_gradients=3.0, **SETTINGS[name])
    rates = [0.1, 0.1, 0.05, 0.05, 0.2, 0.2]
    steps = gradients(shapes)
    run(made, parameters, [[v.copy() for v in values] for values in steps], rates)

    wanted, states = [v.copy() for v in start], [{}, {}]
    for number, (values, rate) in enumerate(zip(steps, rates, strict=True), 1):
        norm = np.sqrt(sum((v**2).sum() for v in values))
        scale = min(1.0, 3.0 / norm)
        for i, (lr_mult, decay_mult) in enumerate(mults):
            weight = wanted[i]
            penalty = np.sign(weight) if regularization == "L1" else weight
            gradient = values[i] * scale / 2 + 0.05 * decay_mult * penalty
            local = rate * lr_mult
            wanted[i] = weight - formula(name, states[i], gradient, local, number, SETTINGS[name])
    for parameter, value in zip(parameters, wanted, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), value, rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "ratio"),
    [
        ({"larc": True, "larc_eta": 0.02}, lambda w, g, lr: lr * 0.02 * w / g),
        (
            {"larc": True, "larc_eta": 2.0, "larc_policy": "clip"},
            lambda w, g, lr: min(lr, 2.0 * w / g),
        ),
        (
            {"local_lr_auto": True, "local_gw_ratio": 0.02},
            lambda w, g, lr: lr * 0.02 * w / (g + 0.1 * w),
        ),
    ],
)
def test_local_rates_of_the_forks(settings, ratio):
    random = np.random.default_rng(5)
    weights = [random.normal(size=(4, 3)), np.zeros(3), random.normal(size=7)]
    parameters = [nn.Parameter(torch.tensor(w)) for w in weights]
    made = SGD(parameters, lr=0.5, weight_decay=0.1, **settings)
    (values,) = gradients([w.shape for w in weights])[:1]
    run(made, parameters, [values], [0.5])
    for parameter, weight, value in zip(parameters, weights, values, strict=True):
        w, g = np.linalg.norm(weight), np.linalg.norm(value)
        rate = ratio(w, g, 0.5) if w > 0 else 0.5
        wanted = weight - rate * (value + 0.1 * weight)
        np.testing.assert_allclose(parameter.detach().numpy(), wanted, rtol=1e-9)


def test_the_rate_stays_inside_the_momentum():
    ours, theirs = (nn.Parameter(torch.ones(1)) for _ in range(2))
    made = SGD([ours], lr=1.0, momentum=0.5)
    other = torch.optim.SGD([theirs], lr=1.0, momentum=0.5)
    for rate in (1.0, 0.1):
        for optimizer, parameter in ((made, ours), (other, theirs)):
            optimizer.param_groups[0]["lr"] = rate
            parameter.grad = torch.ones(1)
            optimizer.step()
    assert ours.item() == pytest.approx(1 - 1.0 - (0.5 * 1.0 + 0.1))
    assert theirs.item() == pytest.approx(1 - 1.0 - 0.1 * 1.5)


def test_it_is_a_torch_optimizer():
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    made = OPTIMIZERS["Adam"](net.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(made, step_size=1, gamma=0.5)

    def closure():
        made.zero_grad()
        loss = net(torch.ones(4, 3)).square().sum()
        loss.backward()
        return loss.item()

    losses = []
    for _ in range(5):
        losses.append(made.step(closure))
        schedule.step()
    assert losses[-1] < losses[0]
    assert made.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**5)
    saved = made.state_dict()
    other = OPTIMIZERS["Adam"](net.parameters(), lr=0.1)
    other.load_state_dict(saved)
    for one, two in zip(made.state.values(), other.state.values(), strict=True):
        assert all(torch.equal(one[name], two[name]) for name in ("mean", "square"))
    with pytest.raises(ValueError, match="takes no nesterov"):
        SGD(net.parameters(), lr=0.1, nesterov=True)


def test_frozen_weights_stay():
    weight = nn.Parameter(torch.ones(3))
    made = SGD([{"params": [weight], "lr_mult": 0.0}], lr=1.0, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        made.step()
    assert weight.tolist() == [1, 1, 1]


def test_a_net_gone_to_channels_last_keeps_its_velocity_in_place():
    random = np.random.default_rng(8)
    start, steps = random.normal(size=(4, 3, 2, 2)), gradients([(4, 3, 2, 2)])
    parameter = nn.Parameter(torch.tensor(start))
    made = SGD([{"params": [parameter], "lr_mult": 1.0, "decay_mult": 1.0}], lr=0.1, momentum=0.9)
    run(made, [parameter], steps[:2], [0.1, 0.1])
    parameter.data = parameter.data.to(memory_format=torch.channels_last)
    run(made, [parameter], steps[2:], [0.1] * (STEPS - 2))
    wanted, velocity = start, np.zeros_like(start)
    for (gradient,) in steps:
        velocity = 0.9 * velocity + 0.1 * gradient
        wanted = wanted - velocity
    np.testing.assert_allclose(parameter.detach().numpy(), wanted, rtol=1e-9)
    np.testing.assert_allclose(made.state[parameter]["history"].numpy(), velocity, rtol=1e-9)
