"""Images at the places of affine maps, and losses of the maps, against loops over pixels."""

from __future__ import annotations

from math import floor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet import NetError
from protonet.api import graph

seeds = st.integers(0, 2**16)
few = settings(quick, max_examples=4)


def places(theta, height, width):
    """The rows and columns, from -1 to 1, that a map of six numbers gives to each pixel."""
    for s in range(height):
        for t in range(width):
            place = np.array([s / height * 2 - 1, t / width * 2 - 1, 1])
            yield s, t, theta[:3] @ place, theta[3:] @ place


def transformed(x, theta, height, width):
    n, c, h, w = x.shape
    top = np.zeros((n, c, height, width))
    for i in range(n):
        for s, t, px, py in places(theta[i], height, width):
            row, column = (px + 1) / 2 * h, (py + 1) / 2 * w
            for m in (floor(row), floor(row) + 1):
                for k in (floor(column), floor(column) + 1):
                    if 0 <= m < h and 0 <= k < w:
                        weight = (1 - abs(row - m)) * (1 - abs(column - k))
                        top[i, :, s, t] += weight * x[i, :, m, k]
    return top


def hinge(values, limit):
    return sum(max(abs(value) - limit, 0) ** 2 / 2 for value in values)


@few
@given(seeds)
def test_image_at_the_places_of_the_maps(seed):
    x, theta = numbers(seed, (2, 3, 4, 5)), numbers(seed + 1, (2, 6))
    net = compiled("SpatialTransformer", "st_param { output_H: 3 output_W: 6 }", [x.shape, (2, 6)])
    close(outputs(net, x, theta)[0], transformed(x, theta, 3, 6))


def test_the_map_that_changes_nothing():
    x, theta = numbers(1, (2, 3, 4, 5)), np.tile([1.0, 0, 0, 0, 1, 0], (2, 1))
    net = compiled("SpatialTransformer", "", [x.shape, (2, 6)])
    close(outputs(net, x, theta)[0], x)


def test_entries_that_are_stated():
    x, theta = numbers(1, (2, 3, 4, 5)), numbers(2, (2, 2))
    stated = "st_param { theta_1_1: 0.5 theta_1_2: 0 theta_2_1: 0.25 theta_2_2: -0.5 }"
    net = compiled("SpatialTransformer", stated, [x.shape, (2, 2)])
    whole = np.column_stack([[0.5] * 2, [0] * 2, theta[:, 0], [0.25] * 2, [-0.5] * 2, theta[:, 1]])
    close(outputs(net, x, theta)[0], transformed(x, whole, 4, 5))
    assert gradients_hold(net, x, theta, bottoms=(0, 1))


def test_slopes_of_image_and_maps():
    x, theta = numbers(3, (1, 2, 4, 5)), numbers(4, (1, 6)) * 0.5
    net = compiled("SpatialTransformer", "st_param { output_H: 2 output_W: 3 }", [x.shape, (1, 6)])
    assert gradients_hold(net, x, theta, bottoms=(0, 1))


@pytest.mark.parametrize("goes_on", [True, False])
def test_an_image_without_a_gradient(goes_on):
    x, theta = numbers(3, (2, 2, 4, 5)), numbers(4, (2, 6)) * 0.5
    fields = f"st_param {{ to_compute_dU: {str(goes_on).lower()} }}"
    text = text_of("SpatialTransformer", fields, [x.shape, (2, 6)])
    text = text.replace('bottom: "b0"', 'bottom: "s"') + (
        'layer { name: "s" type: "Scale" bottom: "b0" top: "s" }'
    )
    first, second, last, scale = text.replace("}layer", "}\nlayer").splitlines()
    net = protonet.compile(f"{first}\n{second}\n{scale}\n{last}").double()
    maps = torch.from_numpy(theta).requires_grad_(True)
    top = net(torch.from_numpy(x), maps)
    close(top.detach().numpy(), transformed(x, theta, 4, 5))
    top.sum().backward()
    assert maps.grad.abs().sum() > 0
    assert (net.s.weight.grad is not None) == goes_on


@few
@given(seeds)
def test_loss_of_maps_that_look_beyond(seed):
    theta = numbers(seed, (2, 6)) * 2
    net = compiled("STLoss", "st_loss_param { output_H: 3 output_W: 4 }", [(2, 6)])
    total = sum(hinge(p[2:], 1) for one in theta for p in places(one, 3, 4))
    close(outputs(net, theta)[0], total / (2 * 3 * 4))


def test_slopes_of_the_losses():
    net = compiled("STLoss", "st_loss_param { output_H: 2 output_W: 3 }", [(2, 6)])
    assert gradients_hold(net, numbers(5, (2, 6)) * 2)
    net = compiled("LocLoss", "loc_loss_param { threshold: 0.5 }", [(2, 3)])
    assert gradients_hold(net, numbers(6, (2, 3)))


@few
@given(seeds)
def test_loss_beyond_a_threshold(seed):
    x = numbers(seed, (2, 3))
    net = compiled("LocLoss", "loc_loss_param { threshold: 0.5 }", [(2, 3)])
    close(outputs(net, x)[0], hinge(x.ravel(), 0.5) / 6)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "message"),
    [
        ("SpatialTransformer", "st_param { theta_1_1: 1 }", [(2, 3, 4, 5), (2, 6)], "2x5, not 2x6"),
        ("SpatialTransformer", "", [(2, 3, 4), (2, 6)], "takes an image"),
        ("SpatialTransformer", "st_param { output_H: 0 }", [(2, 3, 4, 5), (2, 6)], "output_H must"),
        ("SpatialTransformer", 'st_param { sampler_type: "cubic" }', [(2, 3, 4, 5), (2, 6)], "cub"),
        ("STLoss", "st_loss_param { output_H: 3 output_W: 4 }", [(2, 5)], "maps of 6 numbers"),
        ("STLoss", "st_loss_param { output_H: 3 output_W: 0 }", [(2, 6)], "output_W must be"),
        ("LocLoss", "loc_loss_param { threshold: 0 }", [(2, 6)], "threshold must be above 0"),
    ],
)
def test_refusals(kind, fields, shapes, message):
    with pytest.raises(NetError, match=message):
        graph(text_of(kind, fields, shapes))
