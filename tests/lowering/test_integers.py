"""Labels become whole numbers once, where more than one layer takes them so and none otherwise."""

from __future__ import annotations

import pytest
import torch

import protonet

NET = """
input: "x" input_shape {{ dim: 4 dim: 3 }} input: "label" input_shape {{ dim: 4 }}
layer {{ name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param {{ num_output: 5 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }}
{more}
"""
ACCURACY = """
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" }
"""
READER = """
layer { name: "half" type: "Power" bottom: "label" top: "half" power_param { scale: 0.5 } }
"""
MADE = """
layer { name: "floor" type: "Power" bottom: "label" top: "whole" power_param { scale: 1 } }
layer { name: "loss2" type: "SoftmaxWithLoss" bottom: "fc" bottom: "whole" top: "loss2" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "whole" top: "accuracy" }
"""


def lines(more, **options):
    text = protonet.emit(NET.format(more=more), **options)
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize("phase", ["TEST", "TRAIN"])
def test_two_readers_find_whole_numbers(phase):
    found = lines(ACCURACY, phase=phase)
    start = next(
        i for i, line in enumerate(found) if line.startswith("def forward(self, x: Tensor, label")
    )
    assert found[start + 1] == "label = label.long()"
    assert "accuracy = top_k_accuracy(fc, label)" in found
    assert "loss = softmax_loss(fc, label)" in found


def test_one_reader_turns_them_itself():
    assert "loss = softmax_loss(fc, label.long())" in lines("", outputs=["loss"])


@pytest.mark.parametrize("options", [{"outputs": ["label", "loss"]}, {"faithful": True}])
def test_a_label_that_is_given_out_stays_as_it_is(options):
    assert "label = label.long()" not in lines(ACCURACY, **options)


def test_a_label_that_is_read_as_a_number_stays_one():
    assert "label = label.long()" not in lines(ACCURACY + READER)


def test_the_numbers_are_those_of_the_faithful_form():
    for more in (ACCURACY, ACCURACY + READER, MADE):
        text = NET.format(more=more)
        quiet, plain = (protonet.compile(text, faithful=f) for f in (False, True))
        quiet.load_state_dict(plain.state_dict())
        given = torch.rand(4, 3), torch.tensor([0.0, 4.0, 2.0, 1.0])
        found, expected = quiet(*given), plain(*given)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected)
