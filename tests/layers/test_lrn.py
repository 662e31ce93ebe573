"""LRN as a training net has it, with a gradient of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

import protonet

GOLDEN = Path(__file__).parents[1] / "golden" / "layers"


def training(fields, shape):
    dims = " ".join(f"dim: {n}" for n in shape)
    return protonet.compile(
        f'input: "x" input_shape {{ {dims} }} '
        f'layer {{ name: "l" type: "LRN" bottom: "x" top: "y" lrn_param {{ {fields} }} }}',
        phase="TRAIN",
    )


@pytest.mark.parametrize("name", ["lrn_across", "lrn_across_big", "lrn_across_k"])
def test_a_training_net_has_the_numbers_of_caffe(name):
    data = np.load(GOLDEN / f"{name}.npz")
    net = protonet.compile(GOLDEN / f"{name}.prototxt", phase="TRAIN")
    (blob,) = (key.removeprefix("in/") for key in data.files if key.startswith("in/"))
    (top,) = (key.removeprefix("out/") for key in data.files if key.startswith("out/"))
    x = torch.from_numpy(data[f"in/{blob}"]).requires_grad_()
    y = net(x)
    y = y[top] if isinstance(y, dict) else y
    np.testing.assert_allclose(y.detach(), data[f"out/{top}"], rtol=1e-4, atol=1e-5)
    y.backward(torch.from_numpy(data[f"outdiff/{top}"]))
    np.testing.assert_allclose(x.grad, data[f"indiff/{blob}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("beta", [0.75, 0.6])
@pytest.mark.parametrize(("size", "channels"), [(1, 3), (3, 2), (5, 7), (7, 2)])
def test_it_is_torchs_own_to_the_second_derivative(size, channels, beta):
    shape = (2, channels, 3, 2)
    net = training(f"local_size: {size} alpha: 0.7 beta: {beta} k: 1.5", shape)
    x = torch.randn(shape, dtype=torch.double, generator=torch.manual_seed(0), requires_grad=True)
    wanted = F.local_response_norm(x, size, float(np.float32(0.7)), float(np.float32(beta)), 1.5)
    torch.testing.assert_close(net(x), wanted, rtol=1e-6, atol=1e-6)
    assert gradcheck(net, x)
    assert gradgradcheck(net, x)
