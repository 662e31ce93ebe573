"""What is random: Dropout's share and scale, and the element that STOCHASTIC pooling picks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet


def net(layer, shape, phase):
    dims = " ".join(f"dim: {n}" for n in shape)
    text = f'input: "x" input_shape {{ {dims} }} layer {{ name: "l" bottom: "x" top: "y" {layer} }}'
    torch.manual_seed(3)
    return protonet.compile(text, phase=phase)


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
def test_dropout_scales_what_it_keeps(ratio):
    layer = f'type: "Dropout" dropout_param {{ dropout_ratio: {ratio} }}'
    y = net(layer, (200, 500), "TRAIN")(torch.ones(200, 500)).numpy()
    kept = y[y != 0]
    np.testing.assert_allclose(kept, 1 / (1 - ratio), rtol=1e-6)
    assert abs(len(kept) / y.size - (1 - ratio)) < 0.01
    x = torch.randn(4, 5)
    assert torch.equal(net(layer, (4, 5), "TEST")(x), x)


def test_stochastic_pooling_picks_by_size():
    layer = 'type: "Pooling" pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }'
    window = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    x = window.repeat(1, 1, 100, 100)
    y = net(layer, (1, 1, 200, 200), "TRAIN")(x).numpy()
    shares = [np.mean(y == value) for value in (1, 2, 3, 4)]
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.3, 0.4], atol=0.015)
    y = net(layer, (1, 1, 200, 200), "TEST")(x).numpy()
    np.testing.assert_allclose(y, (1 + 4 + 9 + 16) / 10, rtol=1e-6)


def test_a_seed_reproduces():
    layer = 'type: "Dropout"'
    first = net(layer, (50, 50), "TRAIN")(torch.ones(50, 50))
    assert torch.equal(first, net(layer, (50, 50), "TRAIN")(torch.ones(50, 50)))
