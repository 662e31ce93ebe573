"""What folds, what repeats: held against the papers' tables."""

from __future__ import annotations

import pytest
from nets import SIAMESE, ZOO, Net, densenet, resnet152, resnet_cifar

from protonet.api import graph
from protonet.drawing.box import followers_of, kind_of, words_of
from protonet.graph.blocks import runs
from protonet.graph.group import grouped


def counts(source):
    return [len(run.blocks) for run in runs(grouped(graph(source)))]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (resnet152(), [3, 8, 36, 3]),  # He et al. 2015, table 1
        (ZOO / "resnet50" / "deploy.prototxt", [3, 4, 6, 3]),
        (ZOO / "googlenet" / "deploy.prototxt", [2, 5, 2]),  # Szegedy et al. 2014, table 1
        (resnet_cifar(110), [18, 18, 18]),
        (densenet(), [6, 4]),
        (ZOO / "alexnet" / "deploy.prototxt", []),
        (SIAMESE, []),
    ],
)
def test_blocks_repeat_as_often_as_the_papers_say(source, wanted):
    assert counts(source) == wanted


def test_a_projection_is_the_first_blocks_own():
    run = runs(grouped(graph(resnet152())))[2]
    assert [len(block.extra) for block in run.blocks] == [1] + [0] * 35
    assert run.template is run.blocks[1]


def test_a_block_whose_end_is_read_elsewhere_ends_the_run():
    net, x = Net("fpn", (1, 8, 16, 16)), "data"
    ends = []
    for block in range(4):
        y = net.relu(net.conv(f"b{block}_a", x, 8, 3))
        x = net.layer(f"b{block}", "Eltwise", [x, net.conv(f"b{block}_b", y, 8, 3)])
        ends.append(x)
    net.layer("side", "Pooling", [ends[1]], "pooling_param { kernel_size: 2 stride: 2 }")
    net.layer("head", "Pooling", [x], "pooling_param { kernel_size: 2 stride: 2 }")
    # The first block's entry is data, the second's end is read by the side as well.
    assert counts(net.text()) == [2, 2]


def test_a_box_holds_what_works_in_place_and_nothing_else_reads():
    boxes = grouped(graph(ZOO / "resnet50" / "deploy.prototxt"))
    first = next(box for box in boxes if box.head.name == "conv1")
    assert followers_of(first) == "BatchNorm · Scale · ReLU"
    text = (
        'input: "x" input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }\n'
        'layer { name: "c" type: "Convolution" bottom: "x" top: "c" '
        "convolution_param { num_output: 2 kernel_size: 1 } }\n"
        'layer { name: "r" type: "ReLU" bottom: "c" top: "r" }\n'
        'layer { name: "s" type: "Eltwise" bottom: "c" bottom: "r" top: "s" }\n'
    )
    assert [box.head.name for box in grouped(graph(text))][1:] == ["c", "r", "s"]


def test_every_layer_is_in_one_box():
    for source in (ZOO / "googlenet" / "deploy.prototxt", SIAMESE, densenet()):
        net = graph(source)
        names = [node.name for box in grouped(net) for node in box.nodes]
        assert sorted(names) == sorted(node.name for node in net.nodes)


def test_shared_parameters_are_named():
    boxes = {box.head.name: box for box in grouped(graph(SIAMESE, phase="TRAIN"))}
    assert boxes["conv"].shared == boxes["conv_p"].shared == ("w", "v")
    assert boxes["feat"].shared == ()
    assert kind_of(boxes["loss"]) == "loss"
    assert words_of(boxes["loss"]) == "ContrastiveLoss, weight 0.5"
