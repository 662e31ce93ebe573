"""AssistedExcitation against the fork's loops, and what the solver tells it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, numbers, outputs, quick

import protonet
from protonet import NetError


def bound(value, least, most):
    return least if value < least else min(most, value)


def reference(x, truth, mean, alpha):
    y, (n, _, height, width) = x.copy(), x.shape
    for b in range(n):
        mask = np.zeros(n * height * width)
        for _, a, c, w, h in truth[b].reshape(300, 5):
            if a == 0:
                break
            left = bound(int((a - w / 2) * width), 0, width - 1)
            top = bound(int((c - h / 2) * height), 0, height - 1)
            right = bound(int((a + w / 2) * width + 0.95), left + 1, width)
            bottom = bound(int((c + h / 2) * height + 0.95), top + 1, height)
            for i in range(top, bottom):
                for j in range(left, right):
                    at = i * width + j + b * height * width
                    mask[at] = alpha * mean.reshape(-1)[at]
        y[b] += mask[: height * width].reshape(height, width)  # always the first image's part
    return y


def truths(seed, images, count):
    draw = np.random.default_rng(seed)
    found = np.zeros((images, 1, 300, 5))
    found[:, 0, :count, 1:] = draw.uniform(-0.1, 1.1, (images, count, 4))
    return found


def module_of(net):
    return next(m for m in net.modules() if hasattr(m, "training_progress"))


@settings(quick, max_examples=8)
@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(0, 4), st.floats(0, 1))
def test_the_map_beneath_true_boxes(seed, images, count, progress):
    x, mean = numbers(seed, (images, 2, 5, 7)), numbers(seed + 1, (images, 5, 7))
    truth = truths(seed, images, count)
    net = compiled("AssistedExcitation", "", [x.shape, truth.shape, mean.shape], phase="TRAIN")
    module_of(net).training_progress.fill_(progress)
    alpha = bound(math.cos(progress / 0.75 * math.pi / 2), 0, 1)
    close(outputs(net, x, truth, mean)[0], reference(x, truth, mean, alpha), 1e-5)


def test_the_gradient_goes_to_the_map_alone():
    x, mean = (torch.randn(2, *shape).double().requires_grad_() for shape in ((3, 4, 4), (4, 4)))
    net = compiled("AssistedExcitation", "", [x.shape, (2, 1500), mean.shape], phase="TRAIN")
    truth = torch.from_numpy(truths(0, 2, 3)).reshape(2, 1500)
    y = net(x, truth, mean)["t0"]
    weights = torch.randn(y.shape).double()
    (y * weights).sum().backward()
    assert torch.equal(x.grad, weights)
    assert mean.grad is None


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([(2, 3, 4, 4), (2, 150), (2, 4, 4)], "true boxes have the shape 2x1x300x5, not 2x150"),
        ([(2, 3, 4, 4), (2, 1500), (2, 4)], "have the shape 2x4x4, not 2x4"),
        ([(2, 3), (2, 1500), (2, 4)], "it takes a map"),
    ],
)
def test_what_it_refuses(shapes, told):
    with pytest.raises(NetError) as caught:
        compiled("AssistedExcitation", "", shapes)
    assert told in caught.value.message


NET = """
layer { name: "d" type: "DummyData" top: "x" top: "label" top: "t" dummy_data_param {
  shape { dim: 1 dim: 1 dim: 2 dim: 2 } shape { dim: 1 dim: 1500 } shape { dim: 1 dim: 4 }
  data_filler { value: 1 } data_filler { value: 0 } data_filler { value: 1 } } }
layer { name: "whole" type: "Reshape" bottom: "x" top: "m"
        reshape_param { shape { dim: 1 dim: 2 dim: 2 } } }
layer { name: "ae" type: "AssistedExcitation" bottom: "x" bottom: "label" bottom: "m" top: "y" }
layer { name: "ip" type: "InnerProduct" bottom: "y" top: "p" inner_product_param { num_output: 4 } }
layer { name: "l" type: "EuclideanLoss" bottom: "p" bottom: "t" top: "l" }
"""


@pytest.mark.slow
def test_the_solver_tells_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    settings = 'net: "net.prototxt" base_lr: 0.001 lr_policy: "fixed" max_iter: 4 snapshot: 0'
    (tmp_path / "solver.prototxt").write_text(f"{settings} snapshot_after_train: false")
    found = protonet.train("solver.prototxt", log="none")
    assert float(module_of(found.net).training_progress) == 0.75  # of the last of 4 iterations
