"""Nets that the tests of the drawings share, written here from their papers."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
GENERATE = runpy.run_path(str(ZOO / "generate.py"))
Net = GENERATE["Net"]

HOSTILE = [
    "<script>alert(1)</script>",
    "]]>--><img src=x onerror=alert(1)>",
    "a\"b'c&amp;<b>",
    "two\nlines\ttab",
    "\u202eright to left\u2066",
    '\\N \\l "];}',
    "$x^2$ {{ }} </text>",
    "漢字かな",
    "x" * 10_000,
]


def hostile():
    """A chain of layers with these names."""
    net, blob = Net("</title><script>alert(2)</script>", (1, 3, 8, 8)), "data"
    for index, name in enumerate(HOSTILE):
        quoted = json.dumps(name)[1:-1]
        blob = net.layer(quoted, "Pooling", [blob], "pooling_param { kernel_size: 1 }")
        assert blob == quoted, index
    return net.text()


def resnet152():
    """ResNet-152 as the paper has it, with its projections."""
    normalised, added = GENERATE["normalised"], GENERATE["added"]
    net = Net("ResNet152", (1, 3, 224, 224))
    x = net.relu(normalised(net, "conv1", "data", 64, 7, 2))
    x = net.pool("pool1", x, "MAX", "kernel_size: 3 stride: 2")
    for stage, blocks in enumerate((3, 8, 36, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            at, shortcut = f"res{stage + 2}b{block}", x
            if not block:
                shortcut = normalised(net, f"{at}_branch1", x, 4 * width, 1, stride)
            y = net.relu(normalised(net, f"{at}_branch2a", x, width, 1, stride))
            y = net.relu(normalised(net, f"{at}_branch2b", y, width, 3, 1))
            x = added(net, at, normalised(net, f"{at}_branch2c", y, 4 * width, 1, 1), shortcut)
    x = net.pool("pool5", x, "AVE", "global_pooling: true")
    net.classifier("fc1000", x, 1000)
    return net.text()


def densenet():
    """Two dense blocks of six and four layers, as in DenseNet-BC."""
    net = Net("DenseNet", (1, 3, 32, 32))
    x = net.conv("conv1", "data", 24, 3)
    for block, layers in enumerate((6, 4)):
        for layer in range(layers):
            at = f"dense{block + 1}_{layer + 1}"
            y = net.layer(f"{at}/bn", "BatchNorm", [x])
            y = net.relu(net.place(f"{at}/scale", "Scale", [y], y))
            y = net.conv(f"{at}/x1", y, 48, 1)
            x = net.layer(f"{at}/concat", "Concat", [x, net.conv(f"{at}/x2", y, 12, 3)])
        x = net.pool(f"transition{block + 1}", x, "AVE", "kernel_size: 2 stride: 2")
    net.classifier("fc", x, 10)
    return net.text()


SIAMESE = """
name: "siamese"
layer { name: "pair" type: "Input" top: "pair" top: "sim"
        input_param { shape { dim: 64 dim: 2 dim: 28 dim: 28 } shape { dim: 64 } } }
layer { name: "slice" type: "Slice" bottom: "pair" top: "a" top: "b"
        slice_param { axis: 1 slice_point: 1 } }
layer { name: "conv" type: "Convolution" bottom: "a" top: "conv"
        param { name: "w" } param { name: "v" }
        convolution_param { num_output: 20 kernel_size: 5 } }
layer { name: "feat" type: "InnerProduct" bottom: "conv" top: "feat"
        inner_product_param { num_output: 2 } }
layer { name: "conv_p" type: "Convolution" bottom: "b" top: "conv_p"
        param { name: "w" } param { name: "v" }
        convolution_param { num_output: 20 kernel_size: 5 } }
layer { name: "feat_p" type: "InnerProduct" bottom: "conv_p" top: "feat_p"
        inner_product_param { num_output: 2 } }
layer { name: "loss" type: "ContrastiveLoss" bottom: "feat" bottom: "feat_p" bottom: "sim"
        top: "loss" loss_weight: 0.5 contrastive_loss_param { margin: 1 } }
"""
