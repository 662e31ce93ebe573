"""Caffe's layout and torch's: each place turns one into the other, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet
from protonet.layers.blob import BlobLayout
from protonet.runtime.place import Place, places_of

NET = """
input: "x" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" }
layer { name: "scale" type: "Scale" bottom: "y" top: "y" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "y" top: "z" prelu_param { channel_shared: true } }
layer { name: "fc" type: "InnerProduct" bottom: "z" top: "fc"
        inner_product_param { num_output: 5 transpose: true } }
"""


@pytest.mark.parametrize(
    ("layout", "caffe", "held"),
    [
        (BlobLayout.PLAIN, (2, 3), (2, 3)),
        (BlobLayout.PLAIN, (), (1,)),
        (BlobLayout.PLAIN, (1, 1, 2, 3), (2, 3)),
        (BlobLayout.TRANSPOSED, (2, 3), (3, 2)),
        (BlobLayout.DIVIDED, (4,), (4,)),
    ],
)
def test_there_and_back(layout, caffe, held):
    place = Place("a.weight", caffe, layout)
    values = np.random.default_rng(0).normal(size=caffe).astype(np.float32)
    tensor = place.from_caffe(values, held)
    assert tuple(tensor.shape) == held
    turned = values.T if layout is BlobLayout.TRANSPOSED else values
    np.testing.assert_array_equal(tensor.numpy().ravel(), turned.ravel())
    np.testing.assert_array_equal(place.to_caffe(tensor), values)


def test_a_statistic_is_divided_and_by_nothing_is_nothing():
    place = Place("bn.running_mean", (2,), BlobLayout.DIVIDED)
    values = np.array([2, 6], np.float32)
    assert place.from_caffe(values, (2,), 4.0).tolist() == [0.5, 1.5]
    assert place.from_caffe(values, (2,), 0.0).tolist() == [0, 0]


def test_half_precision_comes_out_as_numpy_has_it():
    tensor = torch.tensor([1.5, 2.5], dtype=torch.bfloat16)
    assert Place("a", (2,)).to_caffe(tensor).tolist() == [1.5, 2.5]


def test_the_places_of_a_folded_net():
    found = places_of(protonet.compile(NET))
    assert found == {
        "bn": (
            Place("bn.running_mean", (3,), BlobLayout.DIVIDED),
            Place("bn.running_var", (3,), BlobLayout.DIVIDED),
            Place("", (1,), BlobLayout.DIVISOR),
        ),
        "scale": (Place("bn.weight", (3,)), Place("bn.bias", (3,))),
        "prelu": (Place("prelu.weight", ()),),
        "fc": (Place("fc.weight", (48, 5), BlobLayout.TRANSPOSED), Place("fc.bias", (5,))),
    }


def test_another_module_has_none():
    with pytest.raises(protonet.NetError, match="no net that protonet compiled"):
        places_of(torch.nn.Linear(2, 2))
