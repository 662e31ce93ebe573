"""What a compiled net can't take is one error, which names the input and the layer."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import protonet
from protonet.diagnostics import NetError

LENET = Path(__file__).parents[2] / "zoo_prototxt" / "lenet"


@pytest.fixture(scope="module")
def net():
    return protonet.compile(LENET / "deploy.prototxt")


def refusal(net, *given, **named):
    with pytest.raises(NetError) as caught:
        net(*given, **named)
    error = caught.value
    assert isinstance(error, RuntimeError)  # as torch's own, for who expects one
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return error


@pytest.mark.parametrize(
    ("shape", "layer", "numbers"),
    [
        ((2, 4, 28, 28), "layer 'conv1' (Convolution)", ("20x4x5x5", "20x1x5x5")),
        ((2, 1, 32, 32), "layer 'ip1' (InnerProduct)", ("500x1250", "500x800")),
        ((2, 1, 3, 3), "layer 'conv1' (Convolution)", ("window of 5", "input of 3")),
        ((1, 28, 28), "layer 'pool1' (Pooling)", ("4 axes", "not 3")),
        ((784,), "layer 'conv1' (Convolution)", ("1 axes",)),
    ],
)
def test_channels_and_sizes(net, shape, layer, numbers):
    error = refusal(net, torch.zeros(shape))
    assert error.message.startswith(f"the input 'data' of {'x'.join(map(str, shape))}: {layer}")
    assert all(number in error.message for number in numbers)
    assert error.hint == "the net is made for 'data' of 64x1x28x28"
    assert refusal(net, data=torch.zeros(shape)).message == error.message
    with pytest.raises(NetError, match="the input 'data' of"):
        nn.Sequential(nn.Identity(), pickle.loads(pickle.dumps(net)))(torch.zeros(shape))


def test_kinds_of_numbers(net):
    assert "is torch.uint8, and the net's" in refusal(net, torch.zeros(1, 1, 28, 28).byte()).message
    assert "is torch.float64" in refusal(net, torch.zeros(1, 1, 28, 28).double()).message
    assert "is a ndarray, not a tensor" in refusal(net, np.zeros((1, 1, 28, 28))).message
    assert "is on meta" in refusal(net, torch.zeros(1, 1, 28, 28, device="meta")).message


def test_labels_of_another_batch():
    net = protonet.compile(LENET / "train_val.prototxt", phase="TRAIN")
    error = refusal(net, torch.zeros(2, 1, 28, 28), torch.zeros(3, dtype=torch.long))
    assert "'label' of 3" in error.message
    assert "layer 'loss' (SoftmaxWithLoss)" in error.message


def test_what_is_not_the_inputs_fault_stays_as_it_is(net):
    with pytest.raises(TypeError, match="missing 1 required"):
        net()

    def fails(*_):
        raise ValueError("mine")

    handle = net.conv1.register_forward_hook(fails)
    try:
        with pytest.raises(ValueError, match=r"^mine$"):
            net(torch.zeros(1, 1, 28, 28))
    finally:
        handle.remove()
    assert net(torch.zeros(5, 1, 28, 28)).shape == (5, 10)
    with pytest.raises(RuntimeError, match="weight of size"):  # the emitted text is torch alone
        net.forward(torch.zeros(1, 4, 28, 28))
