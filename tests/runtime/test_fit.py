"""Layers for bottoms of other shapes, on the parameters of the net that they belong to."""

from __future__ import annotations

import pytest
import torch

from protonet.api import lowered
from protonet.diagnostics import NetError
from protonet.runtime.fit import Fitter
from protonet.runtime.net import runnable
from protonet.selection import Selection

NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "spp" type: "SPP" bottom: "conv" top: "spp" spp_param { pyramid_height: 2 } }
layer { name: "flat" type: "Flatten" bottom: "conv" top: "flat" }
layer { name: "ip" type: "InnerProduct" bottom: "flat" top: "ip"
  inner_product_param { num_output: 5 } }
"""


@pytest.fixture
def net():
    selection = Selection.of("TEST", faithful=True)
    return runnable(lowered(NET, selection), torch.device("cpu"))


def node(net, name):
    return next(node for node in net.graph.nodes if node.name == name)


def test_a_layer_that_is_spelled_alike_stays_what_it_is(net):
    fitter = Fitter(net)
    conv = node(net, "conv")
    first = fitter.fit(conv, ((2, 3, 8, 8),))
    other = fitter.fit(conv, ((5, 3, 20, 10),))
    assert other.function is first.function
    assert other.module is net.module
    assert (first.tops, other.tops) == (((2, 4, 6, 6),), ((5, 4, 18, 8),))
    assert fitter.fit(conv, ((5, 3, 20, 10),)) is other


def test_a_layer_that_spells_its_sizes_is_made_anew(net):
    fitter = Fitter(net)
    spp = node(net, "spp")
    other = fitter.fit(spp, ((1, 4, 9, 5),))
    assert other.function is not fitter.fit(spp, ((2, 4, 6, 6),)).function
    x = torch.arange(180.0).view(1, 4, 9, 5)
    (found,) = other.function(other.module, x)
    parts = [x[..., :5, :3], x[..., :5, 3:], x[..., 5:, :3], x[..., 5:, 3:]]
    wanted = torch.stack([part.amax((2, 3)) for part in parts], 2).flatten(1)
    torch.testing.assert_close(found, torch.cat([x.amax((2, 3)), wanted], 1))
    assert tuple(found.shape) == other.tops[0]


def test_parameters_of_another_shape_are_refused_with_the_place(net):
    fitter = Fitter(net)
    with pytest.raises(NetError, match=r"layer 'ip' .*blob 0 would be 5x150, it is 5x144") as told:
        fitter.fit(node(net, "ip"), ((2, 150),))
    assert told.value.span.line == 7
    with pytest.raises(NetError, match="'conv'"):
        fitter.fit(node(net, "conv"), ((2, 3, 2, 2),))
