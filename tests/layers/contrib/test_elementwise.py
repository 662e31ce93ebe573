"""The forks' small layers: ShuffleChannel, Axpy, ReLU6, SeLu, SeLuDropout, Insanity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_layer import close, compiled, gradients_hold, numbers, outputs, quick

from protonet import NetError

seeds = st.integers(0, 2**16)
wholes = st.integers(1, 4)


@quick
@given(seeds, wholes, wholes, st.lists(wholes, max_size=3))
def test_shuffle_channel(seed, group, each, rest):
    shape = (2, group * each, *rest)
    x = numbers(seed, shape)
    wanted = np.empty_like(x)
    for g in range(group):
        for i in range(each):
            wanted[:, i * group + g] = x[:, g * each + i]
    net = compiled("ShuffleChannel", f"shuffle_channel_param {{ group: {group} }}", [shape])
    close(outputs(net, x)[0], wanted)


def test_shuffle_channel_refuses():
    with pytest.raises(NetError, match="group 4 does not divide 6 channels"):
        compiled("ShuffleChannel", "shuffle_channel_param { group: 4 }", [(2, 6, 3, 3)])


@quick
@given(seeds, wholes, wholes, st.lists(wholes, max_size=3), st.booleans())
def test_axpy(seed, batch, channels, rest, flat):
    shape = (batch, channels, *rest)
    scale_shape = shape[:2] if flat else (*shape[:2], *(1 for _ in rest))
    scale, x, y = numbers(seed, scale_shape), numbers(seed + 1, shape), numbers(seed + 2, shape)
    wanted = y.copy()
    for n in range(batch):
        for c in range(channels):
            wanted[n, c] += scale[n, c] * x[n, c]
    net = compiled("Axpy", "", [scale_shape, shape, shape])
    close(outputs(net, scale, x, y)[0], wanted)
    gradients_hold(net, scale, x, y, bottoms=(0, 1, 2))


def test_axpy_refuses():
    with pytest.raises(NetError, match="not one number for each channel"):
        compiled("Axpy", "", [(2, 3, 4, 1), (2, 3, 4, 4), (2, 3, 4, 4)])
    with pytest.raises(NetError, match="what it adds differ"):
        compiled("Axpy", "", [(2, 3), (2, 3, 4, 4), (2, 3, 4, 5)])


@quick
@given(seeds, st.sampled_from([0.0, 0.25, -0.5]))
def test_relu6(seed, slope):
    x = numbers(seed, (3, 40)) * 6
    fields = f"relu6_param {{ negative_slope: {slope} }}" if slope else ""
    wanted = np.minimum(np.where(x > 0, x, slope * x), 6)
    net = compiled("ReLU6", fields, [x.shape])
    close(outputs(net, x)[0], wanted)
    gradients_hold(net, x)


@quick
@given(seeds, st.sampled_from([None, (2.0, 0.5), (1.67326324, 1.5)]))
def test_selu(seed, values):
    x = numbers(seed, (3, 20)) * 2
    alpha, scale = values or (1.6732632423543772, 1.0507009873554805)
    fields = f"selu_param {{ alpha: {alpha} lambda: {scale} }}" if values else ""
    net = compiled("SeLu", fields, [x.shape])
    close(outputs(net, x)[0], scale * np.where(x > 0, x, alpha * (np.exp(x) - 1)))
    gradients_hold(net, x)


@pytest.mark.parametrize("alpha", [-1.75809934, 0.5])
def test_selu_dropout_keeps_the_moments(alpha):
    fields = f"selu_dropout_param {{ dropout_ratio: 0.3 alpha: {alpha} }}"
    net = compiled("SeLuDropout", fields, [(300, 1000)], phase="TRAIN")
    torch.manual_seed(1)
    x = numbers(2, (300, 1000))
    y = outputs(net, x)[0]
    a = (0.7 + alpha**2 * 0.7 * 0.3) ** -0.5
    dropped = np.isclose(y, a * alpha - a * 0.3 * alpha, atol=1e-6)
    close(y[~dropped], a * x[~dropped] - a * 0.3 * alpha, rtol=1e-5)
    # 3e5 draws: five standard errors of a share, of a mean and of a variance.
    assert abs(dropped.mean() - 0.3) < 5 * np.sqrt(0.21 / y.size)
    assert abs(y.mean()) < 5 / np.sqrt(y.size)
    assert abs(y.var() - 1) < 5 * np.sqrt(2 / y.size)
    net.eval()
    close(outputs(net, x)[0], x)


@quick
@given(seeds, st.sampled_from([(3.0, 8.0), (5.0, 10.0), (-4.0, 2.0), (-8.0, -3.0)]))
def test_insanity(seed, bounds):
    low, high = bounds
    x = numbers(seed, (20, 50))
    net = compiled("Insanity", f"insanity_param {{ lb: {low} ub: {high} }}", [x.shape])
    mean = (high - low) / (np.log(abs(high)) - np.log(abs(low)))
    close(outputs(net, x)[0], np.where(x > 0, x, x / mean))
    gradients_hold(net, x[:2, :5])
    net.train()
    y = outputs(net, x)[0]
    close(y[x > 0], x[x > 0])
    divisors = (x / y)[x <= 0]
    assert divisors.min() >= low - 1e-6
    assert divisors.max() <= high + 1e-6
    # A uniform draw: its mean within five standard errors.
    spread = (high - low) / np.sqrt(12 * divisors.size)
    assert abs(divisors.mean() - (low + high) / 2) < 5 * spread


@pytest.mark.parametrize("fields", ["lb: 8 ub: 3", "lb: 0 ub: 3", "lb: -3 ub: 3"])
def test_insanity_refuses(fields):
    with pytest.raises(NetError, match="layer 'l'"):
        compiled("Insanity", f"insanity_param {{ {fields} }}", [(2, 3)])


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_enet_s_dropout_scales_in_its_own_phase(phase):
    fields = 'python_param { module: "spatial_dropout" layer: "SpatialDropoutLayer" '
    fields += f"param_str: \"{{'phase': '{phase}', 'p': '0.25'}}\" }}"
    net = compiled("Python", fields, [(50, 100, 2, 2)], phase="TRAIN")
    torch.manual_seed(1)
    y = outputs(net, np.ones((50, 100, 2, 2)))[0].reshape(5000, 4)
    assert all(len(set(row)) == 1 for row in y)
    close(y[y != 0], np.full((y != 0).sum(), 1 / 0.75))
    # 5e3 channels: within five standard errors.
    dropped = 0.25 if phase == "TRAIN" else 0
    assert abs((y[:, 0] == 0).mean() - dropped) <= 5 * np.sqrt(0.25 * 0.75 / 5000) * (dropped > 0)


def test_concat_of_intels_flattens_first():
    shapes = [(2, 3, 4, 5), (2, 2, 1, 3)]
    net = compiled("Concat", "concat_param { per_fla_fuse: true }", shapes)
    a, b = (numbers(i, shape) for i, shape in enumerate(shapes))
    flat = [x.transpose(0, 2, 3, 1).reshape(2, -1) for x in (a, b)]
    close(outputs(net, a, b)[0], np.concatenate(flat, 1)[:, :, None, None])
