"""ceil_mode goes where no image that the net takes could tell, and stays everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import protonet

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
WINDOWS = """
input: "x" input_shape {{ dim: 1 dim: 1 dim: {size} dim: {size} }}
layer {{ name: "conv1" type: "Convolution" bottom: "x" top: "conv1"
        convolution_param {{ num_output: 2 kernel_size: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
        pooling_param {{ {pool1} }} }}
layer {{ name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
        convolution_param {{ num_output: 2 kernel_size: 3 stride: {stride}
                            weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
        pooling_param {{ {pool2} }} }}
"""
HEAD = """
layer { name: "ip" type: "InnerProduct" bottom: "pool2" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""
GIVEN = """
layer { name: "w" type: "Parameter" top: "w" parameter_param { shape { dim: 3 dim: 18 } } }
layer { name: "ip" type: "InnerProduct" bottom: "pool2" bottom: "w" top: "ip"
        inner_product_param { bias_term: false } }
"""
TWO, THREE = "kernel_size: 2 stride: 2", "kernel_size: 3 stride: 2"


def emitted(size, pool1=TWO, pool2=TWO, stride=1, head=HEAD):
    return WINDOWS.format(size=size, pool1=pool1, pool2=pool2, stride=stride) + head


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (emitted(16), 2),  # 7 and 8 rows alike end up as 3
        (emitted(18), 0),
        (emitted(16, head=""), 2),
        (emitted(16, head=GIVEN), 2),
        (emitted(17, THREE, THREE), 2),
        (emitted(18, TWO, THREE), 2),
        (emitted(18, stride=2), 2),
        (emitted(18, pool2="pool: AVE global_pooling: true"), 1),
        (emitted(18, "kernel_size: 3 stride: 1 pad: 1", head=""), 1),
    ],
)
def test_which_poolings_say_that_they_round_up(text, words):
    assert protonet.emit(text).count("ceil_mode=True") == words


@pytest.mark.parametrize("pools", [(TWO, TWO), (THREE, TWO), (TWO, THREE), (THREE, THREE)])
@pytest.mark.parametrize(("size", "stride"), [(16, 1), (18, 1), (21, 1), (20, 2)])
def test_images_of_other_sizes_give_the_same_or_are_refused(size, pools, stride):
    text = emitted(size, *pools, stride)
    quiet, plain = (protonet.compile(text, faithful=f) for f in (False, True))
    quiet.load_state_dict(plain.state_dict())
    for other in range(12, 30):
        x = torch.rand(1, 1, other, other)
        try:
            found = quiet(x)
        except RuntimeError:
            assert other != size
            continue
        try:
            expected = plain(x)
        except RuntimeError:
            continue  # Caffe refuses it, too
        assert torch.equal(found, expected)


def test_a_net_for_images_of_any_size_rounds_up():
    assert "ceil_mode=True" in protonet.emit(ZOO / "resnet50" / "deploy.prototxt")
    assert "ceil_mode" not in protonet.emit(ZOO / "vgg16" / "deploy.prototxt")
