"""Caffe's blobs into a module and back, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError

NET = """
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "sc" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
layer { name: "f" type: "InnerProduct" bottom: "c" top: "f"
        inner_product_param { num_output: 2 transpose: true } }
"""


def random_blobs():
    draw = np.random.default_rng(0)

    def blob(*shape):
        return draw.normal(size=shape).astype(np.float32)

    return {
        "c": [blob(4, 3, 3, 3), blob(4)],
        "bn": [blob(4), np.abs(blob(4)), np.array([2.0], np.float32)],
        "sc": [blob(4), blob(4)],
        "f": [blob(36, 2), blob(2)],
    }


def test_what_is_loaded_is_dumped():
    net = protonet.compile(NET, faithful=True)
    blobs = random_blobs()
    protonet.load_blobs(net, blobs)
    dumped = protonet.dump_blobs(net)
    assert dumped.keys() == blobs.keys()
    for layer, arrays in blobs.items():
        for given, wanted in zip(dumped[layer], arrays, strict=True):
            assert given.dtype == wanted.dtype
            np.testing.assert_array_equal(given, wanted)


def test_what_a_file_gives_is_loaded(tmp_path):
    net, other = protonet.compile(NET), protonet.compile(NET)
    protonet.save(net, tmp_path / "a.caffemodel")
    read = protonet.read_blobs(tmp_path / "a.caffemodel")
    assert [] in read.values()  # the file has the layers without weights, too
    protonet.load_blobs(other, {**read, "of another net": []})
    for name, value in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


def test_folded_batch_norm_computes_the_same():
    x = torch.randn(2, 3, 5, 5)
    outputs = []
    for faithful in (True, False):
        net = protonet.compile(NET, faithful=faithful, weights=random_blobs())
        outputs.append(net(x))
    assert isinstance(net.bn, torch.nn.BatchNorm2d)
    assert torch.allclose(*outputs, rtol=1e-5, atol=1e-5)
    mean, variance, factor = protonet.dump_blobs(net)["bn"]
    np.testing.assert_allclose(mean / factor, random_blobs()["bn"][0] / 2, rtol=1e-6)
    np.testing.assert_allclose(variance / factor, random_blobs()["bn"][1] / 2, rtol=1e-6)


def test_gradients_as_caffe_lays_them_out():
    net = protonet.compile(NET, faithful=True, weights=random_blobs())
    net(torch.randn(2, 3, 5, 5)).sum().backward()
    diffs = protonet.dump_blobs(net, diff=True)
    np.testing.assert_array_equal(diffs["f"][0], net.f.weight.grad.numpy().T)
    assert diffs["f"][0].shape == (36, 2)
    assert not diffs["bn"][0].any()


def test_legacy_shapes_with_leading_ones():
    net = protonet.compile(NET)
    blobs = random_blobs()
    protonet.load_blobs(net, {"f": [blobs["f"][0].reshape(1, 1, 36, 2), blobs["f"][1]]})
    np.testing.assert_array_equal(protonet.dump_blobs(net)["f"][0], blobs["f"][0])


@pytest.mark.parametrize(
    ("blobs", "words"),
    [
        ({"d": [np.zeros(2)]}, "no layer 'd'"),
        (
            {"c": [np.zeros((4, 3, 3, 3))]},
            "has 1 blob \\(4x3x3x3\\) given, but 2 blobs \\(4x3x3x3, 4\\) in the net",
        ),
        ({"c": [np.zeros((4, 3, 3, 2)), np.zeros(4)]}, "4x3x3x2 given, but 4x3x3x3 in the net"),
    ],
)
def test_what_does_not_fit_changes_nothing(blobs, words):
    net = protonet.compile(NET)
    before = net.f.bias.clone()
    with pytest.raises(NetError, match=words):
        protonet.load_blobs(net, {"f": [np.ones((36, 2)), np.ones(2)], **blobs})
    assert torch.equal(net.f.bias, before)


def test_one_text_may_have_two_layouts():
    square = NET.replace("num_output: 2", "num_output: 36")
    nets = [protonet.compile(square), protonet.compile(square.replace("transpose: true", ""))]
    assert type(nets[0]).protonet_source == type(nets[1]).protonet_source
    weight = np.random.default_rng(1).normal(size=(36, 36)).astype(np.float32)
    for net in nets:
        protonet.load_blobs(net, {"f": [weight, np.zeros(36, np.float32)]})
    np.testing.assert_array_equal(nets[0].f.weight.detach().numpy(), weight.T)
    np.testing.assert_array_equal(nets[1].f.weight.detach().numpy(), weight)


def test_another_module_is_refused():
    with pytest.raises(NetError, match="no net that protonet compiled"):
        protonet.dump_blobs(torch.nn.Linear(2, 2))


TWINS = """
input: "x" input_shape { dim: 2 dim: 3 }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 3 } }
layer { name: "%s" type: "ReLU" bottom: "y" top: "z" }
layer { name: "%s" type: "%s" bottom: "z" top: "w" %s }
"""


def test_layers_of_one_name_without_parameters_are_nobodys_trouble(tmp_path):
    net = protonet.compile(TWINS % ("same", "same", "TanH", ""))
    protonet.save(net, tmp_path / "net.caffemodel")
    assert len(protonet.read_blobs(tmp_path / "net.caffemodel")["fc"]) == 2
    net = protonet.compile(TWINS % ("fc", "other", "TanH", ""))
    protonet.save(net, tmp_path / "net.h5")


def test_parameters_behind_a_namesake_are_said_and_not_saved(tmp_path):
    inner = "inner_product_param { num_output: 3 }"
    with pytest.warns(protonet.diagnostics.SameNames, match="and one before it"):
        net = protonet.compile(TWINS % ("same", "same", "InnerProduct", inner))
    with pytest.raises(protonet.NetError, match="have the name 'same'"):
        protonet.save(net, tmp_path / "net.caffemodel")
    assert not list(tmp_path.iterdir())
