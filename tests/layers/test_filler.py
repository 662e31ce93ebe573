"""Fillers have Caffe's distributions: support and moments; a seed reproduces them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError

OUT, IN, SIDE = 64, 32, 5
FAN_IN, FAN_OUT = IN * SIDE**2, OUT * SIDE**2


def weight(filler, seed=1, convolution="num_output: 64 kernel_size: 5", kind="Convolution"):
    torch.manual_seed(seed)
    text = (
        'input: "x" input_shape { dim: 1 dim: 32 dim: 9 dim: 9 } '
        f'layer {{ name: "c" type: "{kind}" bottom: "x" top: "c" convolution_param {{ '
        f"{convolution} weight_filler {{ {filler} }} "
        "bias_filler { type: 'constant' value: 3 } } }"
    )
    net = protonet.compile(text)
    if net.c.bias is not None:
        assert (net.c.bias == 3).all()
    return protonet.dump_blobs(net)["c"][0]


@pytest.mark.parametrize(
    ("filler", "low", "high"),
    [
        ("type: 'uniform' min: -0.5 max: 2", -0.5, 2.0),
        ("type: 'uniform'", 0.0, 1.0),
        ("type: 'xavier'", -math.sqrt(3 / FAN_IN), math.sqrt(3 / FAN_IN)),
        ("type: 'xavier' variance_norm: FAN_OUT", -math.sqrt(3 / FAN_OUT), math.sqrt(3 / FAN_OUT)),
        (
            "type: 'xavier' variance_norm: AVERAGE",
            -math.sqrt(6 / (FAN_IN + FAN_OUT)),
            math.sqrt(6 / (FAN_IN + FAN_OUT)),
        ),
    ],
)
def test_uniform_on_its_interval(filler, low, high):
    values = weight(filler)
    width = high - low
    assert low <= values.min() < low + 0.01 * width
    assert high - 0.01 * width < values.max() <= high
    assert abs(values.mean() - (low + high) / 2) < 0.01 * width
    assert abs(values.std() - width / math.sqrt(12)) < 0.01 * width


@pytest.mark.parametrize(
    ("filler", "mean", "std"),
    [
        ("type: 'gaussian'", 0, 1),
        ("type: 'gaussian' mean: 2 std: 0.1", 2, 0.1),
        ("type: 'msra'", 0, math.sqrt(2 / FAN_IN)),
        ("type: 'msra' variance_norm: FAN_OUT", 0, math.sqrt(2 / FAN_OUT)),
        ("type: 'msra' variance_norm: AVERAGE", 0, math.sqrt(4 / (FAN_IN + FAN_OUT))),
    ],
)
def test_normal_by_its_moments(filler, mean, std):
    z = (weight(filler) - mean) / std
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    assert abs((z**3).mean()) < 0.1
    assert abs((z**4).mean() - 3) < 0.2
    assert np.abs(z).max() > 3


def test_sparse_gaussian_keeps_so_many_a_column():
    values = weight("type: 'gaussian' std: 1 sparse: 4")
    assert abs((values != 0).mean() - 4 / OUT) < 0.01
    assert abs(values[values != 0].std() - 1) < 0.05


def test_positive_unitball_rows_add_up_to_one():
    values = weight("type: 'positive_unitball'")
    assert (values >= 0).all()
    np.testing.assert_allclose(values.reshape(OUT, -1).sum(1), 1, rtol=1e-5)


def test_constant():
    assert (weight("type: 'constant' value: 0.25") == np.float32(0.25)).all()


@pytest.mark.parametrize("size", [3, 4, 5, 8])
def test_bilinear_upsamples(size):
    shape = f"num_output: 32 group: 32 kernel_size: {size} bias_term: false"
    values = weight("type: 'bilinear'", convolution=shape, kind="Deconvolution")
    factor = math.ceil(size / 2)
    ramp = 1 - np.abs(np.arange(size) / factor - (size - 1) / (2 * factor))
    np.testing.assert_allclose(
        values, np.broadcast_to(np.outer(ramp, ramp), values.shape), atol=1e-6
    )


def test_a_seed_reproduces():
    for filler in ("type: 'xavier'", "type: 'gaussian'", "type: 'positive_unitball'"):
        np.testing.assert_array_equal(weight(filler, 7), weight(filler, 7))
        assert (weight(filler, 7) != weight(filler, 8)).any()


@pytest.mark.parametrize(
    ("filler", "words"),
    [
        ("type: 'xaver'", "unknown filler 'xaver'"),
        ("type: 'constant' sparse: 2", "sparse"),
    ],
)
def test_refused(filler, words):
    with pytest.raises(NetError, match=words):
        weight(filler)


def test_a_diagonal_has_its_values_and_then_ones():
    values = weight(
        "type: 'diagonal' diag_val: 0.5 diag_val: -4", convolution="num_output: 3 kernel_size: 2"
    )
    wanted = np.zeros((3, 32, 2, 2), np.float32)
    wanted[0, 0], wanted[1, 1], wanted[2, 2] = 0.125, -1, 0.25
    assert np.array_equal(values, wanted)


def test_msra_takes_the_scale_of_intels():
    values = weight("type: 'msra' scale: 0.5")
    assert abs(values.std() - 0.5 * math.sqrt(2 / FAN_IN)) < 0.01 * values.std()


def gabor(outputs, side):
    text = (
        'input: "x" input_shape { dim: 1 dim: 3 dim: 11 dim: 11 } layer { name: "c" '
        f'type: "Convolution" bottom: "x" top: "c" convolution_param {{ num_output: {outputs} '
        f'kernel_size: {side} weight_filler {{ type: "gabor" }} }} }}'
    )
    return protonet.dump_blobs(protonet.compile(text))["c"][0]


def wave(side, strength, sigma, omega, phi, theta, colours):
    """One filter by its formula: a wave that is turned, under a bell."""
    made = np.zeros((3, side, side))
    for r in range(side):
        for s in range(side):
            x, y = 2 * s / (side - 1) - 1, 2 * r / (side - 1) - 1
            bell = math.exp(-(x * x + y * y) / (2 * sigma * sigma))
            along = x * math.cos(theta) - y * math.sin(theta)
            made[:, r, s] = np.array(colours) * strength * bell * math.cos(along * omega + phi)
    return made


def test_gabor_filters_are_intels():
    """A filter of each band, its numbers taken from the fork's table by hand."""
    pi = math.pi
    first = gabor(96, 11)
    wanted = {
        11: (1 / 3 / 1.375, 0.575, 5 * pi / 2.5, pi + 3 * pi / 8, pi / 6, (1, 1, 1)),
        50: (1 / 6, 1 / 1.5, pi / 4, 12 * pi, 0, (0.25, -1, 1)),
        57: (1 / 4.5, 0.75, 5 * pi / 8, pi / 2, pi / 2 + pi / 8, (-1, 1, -0.5)),
        62: (1 / 9, 2, 5 * pi / 8, pi / 2, pi + pi / 8, (1, -0.5, -0.75)),
        91: (1 / 3, 0.6, 5 * pi / 16, pi / 2, 3 * pi / 2 + pi / 16, (1, 1, 1)),
        95: (1 / 12, 0.75, 5 * pi / 4, pi / 2, 7 * pi / 4 + pi / 32, (-1, -1, 1)),
    }
    for index, numbers in wanted.items():
        np.testing.assert_allclose(first[index], wave(11, *numbers), atol=1e-6)
    second, small = gabor(64, 7), gabor(64, 3)
    numbers = (1 / 2, 1 / 1.5, pi / 4, 14 * pi, 0, (0.25, -1, 1))
    np.testing.assert_allclose(second[45], wave(7, *numbers), atol=1e-6)
    numbers = (2 / 3, 1, pi / 12, pi / 2, 3 * pi / 2 + pi / 8, (-1, -1, 1))
    np.testing.assert_allclose(small[63], wave(3, *numbers), atol=1e-6)
    third = gabor(32, 5)
    numbers = (0.5, 0.6, 2 * pi / 4, pi / 2, pi / 2 + pi / 4 - pi / 8, (-1, 1, -1))
    np.testing.assert_allclose(third[29], wave(5, *numbers), atol=1e-6)


def test_gabor_filters_are_of_four_sizes():
    with pytest.raises(NetError, match="there are Gabor filters for 32x3x5x5, 64x3x7x7"):
        gabor(16, 5)
