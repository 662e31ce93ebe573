"""What a caller in Python may give for a net's selection, plugins and weights, and what is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError
from protonet.selection import Selection

NET = (
    'layer { name: "data" type: "Input" top: "data" '
    "input_param { shape { dim: [2, 3, 6, 6] } } }\n"
    'layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" '
    "inner_product_param { num_output: 2 } }\n"
    'layer { name: "fc7" type: "ReLU" bottom: "a" top: "fc7" }\n'
)
STAGED = NET + (
    'layer { name: "s" type: "Sigmoid" bottom: "fc7" top: "s" include { stage: "abc" } }\n'
)
PLUGIN = """
from protonet.layers.base import Layer, register

@register("OfOneFile")
class OfOneFile(Layer):
    pass
"""


@pytest.mark.parametrize("make", [protonet.compile, protonet.emit])
@pytest.mark.parametrize(
    "given, words",
    [
        ({"phase": None}, "the phase is TRAIN or TEST, not None"),
        ({"phase": 1}, "the phase is TRAIN or TEST, not 1"),
        ({"phase": ["TEST"]}, "the phase is TRAIN or TEST, not ['TEST']"),
        ({"level": "a"}, "the level is a whole number, not 'a'"),
        ({"level": None}, "the level is a whole number, not None"),
        ({"level": 1.5}, "the level is a whole number, not 1.5"),
        ({"stages": 5}, "stages are names, not 5"),
        ({"stages": None}, "stages are names, not None"),
        ({"stages": ["a", 5]}, "stages are names, not 5"),
        ({"outputs": 5}, "outputs are names, not 5"),
        ({"outputs": [None]}, "outputs are names, not None"),
        ({"outputs": "fc"}, "no blob 'fc' to give out"),
        ({"shapes": 5}, "shapes give each blob its own, not 5"),
        ({"shapes": [2, 3, 6, 6]}, "shapes give each blob its own, not [2, 3, 6, 6]"),
        ({"shapes": {5: (1, 3, 6, 6)}}, "shapes name blobs, not 5"),
        ({"shapes": {"data": 5}}, "the shape of 'data' is a sequence of whole numbers, not 5"),
        ({"shapes": {"data": None}}, "the shape of 'data' is a sequence of whole numbers"),
        ({"shapes": {"data": "1x3x6x6"}}, "of whole numbers, not '1x3x6x6'"),
        ({"shapes": {"data": (1, "a")}}, "of whole numbers, not (1, 'a')"),
        ({"shapes": {"data": (1.5, 3, 6, 6)}}, "of whole numbers, not (1.5, 3, 6, 6)"),
        ({"shapes": {"data": (0, 3, 6, 6)}}, "the shape of 'data' is (0, 3, 6, 6)"),
        ({"shapes": {"data": (-1, 3, 6, 6)}}, "each size is at least 1"),
        ({"plugins": 5}, "the plugin 5 is no file"),
        ({"plugins": None}, "the plugin None is no file"),
        ({"plugins": [5]}, "the plugin 5 is no file"),
        ({"plugins": "none.py"}, "the plugin none.py can't be read"),
    ],
)
def test_what_is_no_selection_is_told(make, given, words):
    with pytest.raises(NetError) as caught:
        make(NET, **given)
    assert words in str(caught.value)
    assert caught.value.hint or "can't be read" in words


@pytest.mark.parametrize(
    "weights, words",
    [
        (5, "weights are named by a path, not by 5"),
        ([5], "weights are named by a path, not by 5"),
        (b"net.caffemodel", "weights are named by a path, not by b'net.caffemodel'"),
        ({"a": 5}, "the blobs of layer 'a' are a list of arrays, not 5"),
        ({"a": None}, "the blobs of layer 'a' are a list of arrays, not None"),
        ({"a": "ab"}, "the blobs of layer 'a' are a list of arrays, not 'ab'"),
        ({"a": np.ones((2, 108))}, "the blobs of layer 'a' are a list of arrays"),
        ({"a": [np.ones((2, 108)), "ab"]}, "blob 1 of layer 'a' is no array of numbers: 'ab'"),
        ({"a": [[[1.0], [1.0, 2.0]]]}, "blob 0 of layer 'a' is no array of numbers"),
        ({"a": [5, np.ones(2)]}, "layer 'a'"),
    ],
)
def test_what_is_no_weights_is_told(weights, words):
    with pytest.raises(NetError) as caught:
        protonet.compile(NET, weights=weights)
    assert words in str(caught.value)


def test_blobs_that_are_no_mapping_are_told():
    with pytest.raises(NetError, match="blobs are"):
        protonet.load_blobs(protonet.compile(NET), 5)


def test_one_text_is_one_item(tmp_path):
    assert set(protonet.compile(NET, outputs="fc7")(torch.ones(2, 3, 6, 6))) == {"fc7"}
    assert "sigmoid" in protonet.emit(STAGED, stages="abc")
    assert Selection.of(stages=("a", "b"), outputs=["x", "y"]).stages == ("a", "b")
    path = tmp_path / "x.py"
    path.write_text(PLUGIN)
    protonet.emit(NET, plugins=str(path))
    from protonet.layers import REGISTRY

    assert REGISTRY.pop("OfOneFile").__module__.startswith("protonet_plugin_")


@pytest.mark.parametrize(
    "shape", [torch.Size([1, 3, 6, 6]), np.array([1, 3, 6, 6]), [np.int64(1), 3, 6, 6]]
)
def test_whole_numbers_of_any_kind_are_sizes(shape):
    assert Selection.of(shapes={"data": shape}).shapes == {"data": (1, 3, 6, 6)}


def test_paths_of_a_folder_are_weights(tmp_path):
    net = protonet.compile(NET)
    protonet.save(net, tmp_path / "net.caffemodel")
    other = protonet.compile(NET, weights=tmp_path.glob("*.caffemodel"))
    assert all(map(torch.equal, net.parameters(), other.parameters()))
