"""What is odd in a net is said with its place: weights of losses, gradients wrong in Caffe."""

from __future__ import annotations

import warnings

import pytest
import torch

import protonet
from protonet.api import graph
from protonet.diagnostics import AsInCaffe, NetError, UnlikeCaffe

# What is said is looked at by hand.
pytestmark = pytest.mark.filterwarnings("ignore::protonet.diagnostics.NetWarning")
INPUT = (
    'layer { name: "i" type: "Input" top: "x" top: "t" input_param { shape { dim: 2 dim: 3 } } }\n'
)
FC = """layer { name: "f" type: "InnerProduct" bottom: "x" top: "y"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }\n"""
LOSS = 'layer {{ name: "l" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "l" {} }}\n'
READER = 'layer { name: "r" type: "Power" bottom: "l" top: "m" power_param { scale: 3 } }\n'


def said(text, phase="TRAIN"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph(text, phase)
    return [(one.category, str(one.message)) for one in caught]


def objective(text):
    """The objective of a net over noise, the loss in it, and the gradient of the weights."""
    torch.manual_seed(0)
    net = protonet.compile(text, phase="TRAIN", outputs=["l", "objective"])
    found = net(torch.rand(2, 3), torch.rand(2, 3))
    if found["objective"].requires_grad:
        found["objective"].backward()
    return (found["objective"] / found["l"]).item(), net.f.weight.grad


def test_the_weight_that_is_stated_of_a_loss_that_is_read_counts_beside_one_that_is_implied():
    text = INPUT + FC + LOSS.format("loss_weight: 0.5")
    alone, gradient = objective(text)
    read, same = objective(text + READER)
    assert (alone, read) == (pytest.approx(0.5), pytest.approx(1.5))
    assert torch.equal(gradient, same)
    ((category, what),) = said(text + READER)
    assert category is AsInCaffe
    assert what.endswith(
        "layer 'l' (EuclideanLoss): as in Caffe it counts in the objective once more than its "
        "loss_weight says, since layer 'r' reads 'l'"
    )
    assert said(text) == said(text + READER, "TEST") == []


def test_the_weight_that_is_implied_of_a_loss_that_is_read_trains_nothing():
    text = INPUT + FC + LOSS.format("")
    assert objective(text)[0] == pytest.approx(1)
    ratio, gradient = objective(text + READER)
    assert ratio == pytest.approx(1)
    assert gradient is None
    ((_, what),) = said(text + READER)
    assert "its implied loss_weight counts in the objective, but trains nothing" in what


def test_of_two_weights_that_of_the_top_which_nobody_reads_is_lost():
    cut = 'layer { name: "s" type: "Slice" bottom: "x" top: "a" top: "b" '
    cut += "loss_weight: 1 loss_weight: 2 slice_param { axis: 0 } }\n"
    text = INPUT + cut + 'layer { name: "r" type: "ReLU" bottom: "b" top: "c" }'
    ((_, what),) = said(text)
    assert "the loss_weight of its top 'a' has no effect, since layer 'r' reads 'b'" in what


def test_a_loss_counts_as_it_was_before_a_layer_in_place():
    in_place = READER.replace('"m"', '"l"')
    text = INPUT + FC + LOSS.format("") + in_place
    assert objective(text)[0] == pytest.approx(1 / 3)
    assert "l_loss = l" in protonet.emit(text, phase="TRAIN")


def layer(name, kind, bottom, top, fields=""):
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {fields} }}\n'


RELU = layer("r", "ReLU", "y", "y")
TANH = layer("s", "TanH", "y", "z")
OF_ITSELF = "Caffe takes its gradient from its own bottom"
OF_ANOTHER = "Caffe takes its gradient from what layer {!r} overwrites in place"


@pytest.mark.parametrize(
    "layers, what",
    [
        (layer("p", "Power", "y", "y", "power_param { scale: 2 }"), OF_ITSELF),
        (layer("p", "Power", "y", "y", "power_param { scale: 0 }"), None),
        (layer("p", "Power", "y", "z", "power_param { scale: 2 }"), None),
        (layer("p", "BNLL", "y", "y"), OF_ITSELF),
        (RELU, None),
        (layer("r", "ReLU", "y", "y", "relu_param { negative_slope: -1 }"), OF_ITSELF),
        (TANH + layer("d", "Dropout", "z", "z"), OF_ANOTHER.format("d")),
        (TANH + layer("r", "ReLU", "z", "z"), None),
        (RELU + layer("d", "Dropout", "y", "y"), None),
        (RELU + layer("b", "BatchNorm", "y", "y"), OF_ANOTHER.format("b")),
        (layer("s", "Scale", "y", "y") + RELU, None),
    ],
)
def test_a_gradient_that_caffe_spoils_in_place_is_named(layers, what):
    found = said(INPUT + FC + layers)
    assert [category for category, _ in found] == [UnlikeCaffe] * (what is not None)
    assert all(what in text for _, text in found)


IMAGES = """layer { name: "i" type: "Input" top: "x" input_param { shape { dim: [2, 3, 4, 4] } } }
layer { name: "f" type: "Convolution" bottom: "x" top: "y" convolution_param {
num_output: 3 kernel_size: 1 weight_filler { type: "xavier" } } }\n"""
RELU6 = layer("r", "ReLU6", "y", "y")
DROPPED = layer("d", "SpatialDropout", "y", "y")


def segnet(mode, spec=""):
    return layer("n", "BN", "y", "y", f"bn_param {{ bn_mode: {mode} }} {spec}")


@pytest.mark.parametrize(
    "layers, what",
    [
        (layer("s", "SeLu", "y", "y"), OF_ITSELF),
        (layer("s", "SeLu", "y", "z") + layer("r", "ReLU", "z", "z"), None),
        (RELU6, None),
        (RELU6 + RELU, None),
        (RELU + RELU6, None),
        (layer("r", "ReLU6", "y", "y", "relu6_param { negative_slope: -1 }"), OF_ITSELF),
        (RELU6 + DROPPED, OF_ANOTHER.format("d")),
        (RELU + DROPPED, None),
        (layer("n", "Insanity", "y", "y") + DROPPED, None),
        (layer("n", "Insanity", "y", "y", "insanity_param { lb: -2 }") + RELU, None),
        (layer("n", "Normalize", "y", "z") + RELU.replace('"y"', '"z"'), OF_ANOTHER.format("r")),
        (layer("p", "Permute", "y", "z", "permute_param { order: 0 order: 1 }"), None),
        (segnet("INFERENCE"), OF_ITSELF),
        (segnet("INFERENCE", "param { lr_mult: 0 }"), None),
        (segnet("LEARN"), None),
    ],
)
def test_a_gradient_that_forks_spoil_in_place_is_named(layers, what):
    """As their sources have it: what Backward reads, and what a layer keeps a copy of."""
    found = said(IMAGES + layers)
    assert [category for category, _ in found] == [UnlikeCaffe] * (what is not None)
    assert all(what in text for _, text in found)


def test_forks_that_share_memory_or_change_nothing():
    """Permute in the order that the axes have shares it; dropout changes nothing in TEST."""
    images = IMAGES + layer("p", "Permute", "y", "z", "permute_param { order: 0 order: 1 }")
    read = layer("t", "TanH", "y", "u")
    with pytest.raises(NetError, match="it would read in 'y' what layer 'r' writes in place"):
        graph(images + layer("r", "ReLU", "z", "z") + read)
    dropped = layer("d", "SpatialDropout", "z", "z")
    graph(images + dropped + read, "TEST")
    with pytest.raises(NetError, match="what layer 'd' writes in place"):
        graph(images + dropped + read, "TRAIN")
    graph(images.replace("order: 1", "order: 2") + layer("r", "ReLU", "z", "z") + read)


def test_a_hinge_loss_of_no_weight_leaves_margins_in_caffe():
    hinge = 'layer { name: "h" type: "HingeLoss" bottom: "y" bottom: "t" top: "h" loss_weight: 0 }'
    ((category, what),) = said(INPUT + FC + LOSS.format("") + hinge)
    assert category is UnlikeCaffe
    assert "Caffe adds its margins to the gradient of 'y'" in what


SHARED = INPUT + 'layer { name: "f" type: "Flatten" bottom: "x" top: "y" }\n'
IN_PLACE = 'layer { name: "r" type: "ReLU" bottom: "y" top: "y" }\n'


def test_a_blob_that_is_read_and_shares_memory_with_one_written_in_place_is_refused():
    with pytest.raises(NetError) as caught:
        graph(SHARED + IN_PLACE + 'layer { name: "t" type: "TanH" bottom: "x" top: "z" }')
    assert caught.value.span.line == 4
    assert "it would read in 'x' what layer 'r' writes in place" in caught.value.message
    assert caught.value.hint == "give the top of layer 'r' a name of its own"


def test_what_is_read_before_a_layer_in_place_writes_is_right():
    graph(SHARED + 'layer { name: "t" type: "TanH" bottom: "x" top: "z" }\n' + IN_PLACE)


def test_a_blob_asked_for_that_caffe_overwrites_is_named():
    with pytest.warns(UnlikeCaffe, match="in Caffe the blob 'x' is overwritten by it"):
        protonet.compile(SHARED + IN_PLACE, outputs=["x"])
    protonet.compile(SHARED + IN_PLACE, outputs=["y"])


@pytest.mark.parametrize("operation", ["SUM", "MAX"])
def test_an_eltwise_that_clears_its_own_bottom_is_refused(operation):
    layer = 'layer { name: "e" type: "Eltwise" bottom: "x" bottom: "t" top: "x" '
    with pytest.raises(NetError, match="can't work in-place"):
        graph(INPUT + layer + f"eltwise_param {{ operation: {operation} }} }}")
