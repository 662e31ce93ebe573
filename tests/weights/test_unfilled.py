"""compile(weights=) against a net that is filled and then loaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import protonet
from protonet.weights.unfilled import Unfilled, made_for

NET = """
input: "x" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 4 kernel_size: 3
                            weight_filler { type: "gaussian" std: 2 } } }
layer { name: "f" type: "InnerProduct" bottom: "c" top: "f"
        inner_product_param { num_output: 2 weight_filler { type: "xavier" }
                              bias_filler { type: "uniform" } } }
"""
ALL = {
    "c": [np.ones((4, 3, 3, 3)), np.zeros(4)],
    "f": [np.full((2, 144), 0.5), np.ones(2)],
}


def filled_and_loaded(weights):
    torch.manual_seed(7)
    net = protonet.compile(NET)
    protonet.load_blobs(net, weights)
    return net


def compiled(weights):
    torch.manual_seed(7)
    return protonet.compile(NET, weights=weights)


@pytest.mark.parametrize("weights", [ALL, {"c": ALL["c"]}, {"f": ALL["f"]}])
def test_the_numbers_are_those_of_a_net_filled_before(weights):
    wanted, found = filled_and_loaded(weights).state_dict(), compiled(weights).state_dict()
    assert list(wanted) == list(found)
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_weights_for_all_take_no_random_numbers(tmp_path):
    path = tmp_path / "net.caffemodel"
    protonet.save(compiled(ALL), path)
    before = torch.get_rng_state()
    net = protonet.compile(NET, weights=str(path))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(net.f.weight, torch.full((2, 144), 0.5))


def test_weights_for_some_take_those_of_a_whole_net():
    filled_and_loaded({"c": ALL["c"]})
    wanted = torch.rand(3)
    compiled({"c": ALL["c"]})
    assert torch.equal(torch.rand(3), wanted)


class Half(nn.Module):
    """Weights of which a file has the first half, and random numbers that no file has."""

    def __init__(self, *, further):
        super().__init__()
        self.linear = nn.Linear(4, 4, bias=False)
        nn.init.normal_(self.linear.weight)
        self.further = torch.empty(3).uniform_() if further else None


@pytest.mark.parametrize(
    ("further", "covered", "is_filled"),
    [
        (False, lambda net: [net.linear.weight], False),
        (False, lambda net: [net.linear.weight[:2]], True),
        (False, lambda net: [net.linear.weight[:2], net.linear.weight[2:]], False),
        (False, lambda net: [net.linear.weight[:2], net.linear.weight[:2]], True),
        (True, lambda net: [net.linear.weight], True),
    ],
)
def test_what_is_not_written_whole_is_filled(further, covered, is_filled):
    torch.manual_seed(0)
    made_for(lambda: Half(further=further), covered)
    taken = torch.get_rng_state()
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), taken) != is_filled


def test_only_random_fills_are_left_out():
    with Unfilled() as unfilled:
        made = nn.BatchNorm2d(3), nn.PReLU(2), nn.Conv2d(1, 1, 1)
    assert torch.equal(made[0].weight, torch.ones(3))
    assert torch.equal(made[1].weight, torch.full((2,), 0.25))
    assert [tensor.shape for tensor in unfilled.tensors] == [(1, 1, 1, 1), (1,)]
