"""Nets that the tests of the drawings share, written here from their papers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

ZOO = Path(__file__).parents[2] / "zoo_prototxt"


class Net:
    """A prototxt that grows by layers; each method returns the name of its top."""

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        dims = " ".join(f"dim: {n}" for n in shape)
        self.lines = [f'name: "{name}"']
        self.layer("data", "Input", (), f"input_param {{ shape {{ {dims} }} }}")

    def layer(self, name: str, kind: str, bottoms: Sequence[str], body: str = "") -> str:
        """Add a layer whose top has its own name."""
        return self.place(name, kind, bottoms, name, body)

    def place(self, name: str, kind: str, bottoms: Sequence[str], top: str, body: str = "") -> str:
        """Add a layer; in place where the top is a bottom."""
        lines = ["layer {", f'  name: "{name}"', f'  type: "{kind}"']
        lines += [f'  bottom: "{bottom}"' for bottom in bottoms]
        lines += [f'  top: "{top}"', *([f"  {body}"] if body else []), "}"]
        self.lines += lines
        return top

    def text(self) -> str:
        """The whole prototxt."""
        return "\n".join(self.lines) + "\n"

    def conv(self, name: str, bottom: str, outputs: int, kernel: int, *, extra: str = "") -> str:
        """Add a convolution with padding that keeps the size at stride 1."""
        pad = f" pad: {kernel // 2}" if kernel > 1 else ""
        body = f"num_output: {outputs} kernel_size: {kernel}{pad}{extra}"
        return self.layer(name, "Convolution", [bottom], f"convolution_param {{ {body} }}")

    def relu(self, blob: str, name: str = "") -> str:
        """Rectify in place."""
        return self.place(name or f"{blob}/relu", "ReLU", [blob], blob)

    def pool(self, name: str, bottom: str, method: str, window: str) -> str:
        """Add a pooling layer."""
        return self.layer(name, "Pooling", [bottom], f"pooling_param {{ pool: {method} {window} }}")

    def classifier(self, name: str, bottom: str, classes: int) -> str:
        """Add an inner product and a softmax."""
        body = f"inner_product_param {{ num_output: {classes} }}"
        return self.layer("prob", "Softmax", [self.layer(name, "InnerProduct", [bottom], body)])


def normalised(net: Net, name: str, bottom: str, outputs: int, kernel: int, stride: int) -> str:
    """Add a convolution without bias, then BatchNorm and Scale in place."""
    extra = (f" stride: {stride}" if stride > 1 else "") + " bias_term: false"
    x = net.conv(name, bottom, outputs, kernel, extra=extra)
    net.place(f"{name}/bn", "BatchNorm", [x], x)
    return net.place(f"{name}/scale", "Scale", [x], x, "scale_param { bias_term: true }")


def added(net: Net, name: str, branch: str, shortcut: str) -> str:
    """Add a residual sum and its ReLU."""
    return net.relu(net.layer(name, "Eltwise", [shortcut, branch]))


def resnet_cifar(depth: int) -> str:
    """A CIFAR ResNet of 6 n + 2 layers, its shortcuts projected. Section 4.2 of the same paper."""
    net = Net(f"ResNet{depth}", (1, 3, 32, 32))
    x = net.relu(normalised(net, "conv1", "data", 16, 3, 1))
    for stage in range(3):
        width = 16 << stage
        for block in range((depth - 2) // 6):
            stride = 2 if stage and not block else 1
            at = f"res{stage + 2}_{block + 1}"
            shortcut = normalised(net, f"{at}_shortcut", x, width, 1, 2) if stride == 2 else x
            y = net.relu(normalised(net, f"{at}_a", x, width, 3, stride))
            x = added(net, at, normalised(net, f"{at}_b", y, width, 3, 1), shortcut)
    x = net.pool("pool", x, "AVE", "global_pooling: true")
    net.classifier("fc", x, 10)
    return net.text()


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
