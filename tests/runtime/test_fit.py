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


def test_a_layer_that_is_spelled_otherwise_is_made_anew_on_the_same_parameters(net):
    fitter = Fitter(net)
    ip = node(net, "ip")
    first = fitter.fit(ip, ((2, 144),))
    other = fitter.fit(ip, ((3, 4, 6, 6),))
    assert other.function is not first.function
    assert other.own.weight is net.module.ip.weight
    x = torch.randn(3, 4, 6, 6)
    (found,) = other.function(other.module, x)
    torch.testing.assert_close(found, net.module.ip(x.reshape(3, 144)))
    assert tuple(found.shape) == other.tops[0]
    fitter.forget()
    assert fitter.fit(ip, ((2, 144),)).module is net.module


def test_parameters_of_another_shape_are_refused_with_the_place(net):
    fitter = Fitter(net)
    with pytest.raises(NetError, match=r"layer 'ip' .*blob 0 would be 5x150, it is 5x144") as told:
        fitter.fit(node(net, "ip"), ((2, 150),))
    assert told.value.span.line == 6
    with pytest.raises(NetError, match="'conv'"):
        fitter.fit(node(net, "conv"), ((2, 3, 2, 2),))
