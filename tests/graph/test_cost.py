"""Costs against torch: its flop counter, what autograd saves, where gradients reach."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import protonet
from protonet.api import graph
from protonet.graph.cost import costs
from protonet.layers import REGISTRY

ZOO = Path(__file__).parents[2] / "zoo_prototxt"


def small(layers, shape):
    dims = " ".join(f"dim: {n}" for n in shape)
    return f'name: "small" input: "x" input_shape {{ {dims} }} {layers}'


def layer(kind, bottom, top, param=""):
    bottoms = " ".join(f'bottom: "{b}"' for b in bottom.split())
    return f'layer {{ name: "{top}" type: "{kind}" {bottoms} top: "{top}" {param} }}\n'


def conv(bottom, top, fields, kind="Convolution"):
    return layer(kind, bottom, top, f"convolution_param {{ {fields} }}")


GROUPED = small(
    conv("x", "a", "num_output: 8 kernel_size: 3 group: 4 dilation: 2 bias_term: false")
    + conv("a", "b", "num_output: 6 kernel_h: 1 kernel_w: 5 pad_w: 2 stride_h: 2 stride_w: 1"),
    (2, 4, 15, 17),
)
UPWARD = small(
    conv("x", "a", "num_output: 6 kernel_size: 3 stride: 2")
    + conv("a", "b", "num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 2", "Deconvolution")
    + conv("b", "c", "num_output: 3 kernel_size: 3 pad: 1"),
    (2, 3, 21, 21),
)
SIAMESE = small(
    "".join(
        layer(
            "InnerProduct",
            bottom,
            top,
            'param { name: "w" } param { name: "b" } inner_product_param { num_output: 5 }',
        )
        for bottom, top in (("x", "left"), ("x", "right"))
    )
    + layer("Eltwise", "left right", "y"),
    (4, 7),
)
VOLUME = small(
    conv("x", "a", "num_output: 4 kernel_size: 3 pad: 1")
    + layer("InnerProduct", "a", "b", "inner_product_param { num_output: 5 axis: 2 }"),
    (2, 3, 4, 5, 6),
)
SEQUENCE = """
layer { name: "data" type: "Input" top: "x" top: "go" top: "s"
        input_param { shape { dim: 5 dim: 2 dim: 3 } shape { dim: 5 dim: 2 }
                      shape { dim: 2 dim: 7 } } }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "go" bottom: "s" top: "h"
        recurrent_param { num_output: 4 } }
layer { name: "rnn" type: "RNN" bottom: "h" bottom: "go" top: "y"
        recurrent_param { num_output: 6 } }
"""
NETS = {
    "lenet": (ZOO / "lenet" / "deploy.prototxt", "TEST", {}),
    "alexnet": (ZOO / "alexnet" / "deploy.prototxt", "TEST", {"data": (2, 3, 227, 227)}),
    "alexnet training": (
        ZOO / "alexnet" / "train_val.prototxt",
        "TRAIN",
        {"data": (2, 3, 227, 227)},
    ),
    "googlenet": (ZOO / "googlenet" / "deploy.prototxt", "TEST", {"data": (1, 3, 224, 224)}),
    "resnet50": (ZOO / "resnet50" / "deploy.prototxt", "TRAIN", {"data": (1, 3, 224, 224)}),
    "resnet20": (ZOO / "resnet20_cifar" / "deploy.prototxt", "TRAIN", {}),
    "grouped": (GROUPED, "TEST", {}),
    "upward": (UPWARD, "TEST", {}),
    "siamese": (SIAMESE, "TEST", {}),
    "volume": (VOLUME, "TEST", {}),
    "sequence": (SEQUENCE, "TEST", {}),
}


def measured(source, phase, shapes):
    """Multiply-adds and bytes that autograd keeps, as torch counts them."""
    net_graph = graph(source, phase=phase, shapes=shapes)
    net = protonet.compile(source, phase=phase, shapes=shapes, faithful=True)
    inputs = [
        torch.rand(v.shape) if len(v.shape) > 1 else torch.zeros(v.shape) for v in net_graph.inputs
    ]
    own = {p.untyped_storage().data_ptr() for p in (*net.parameters(), *net.buffers())}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    saved = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with saved, FlopCounterMode(display=False) as flops:
        net(*inputs)
    return net_graph, flops.get_total_flops() // 2, sum(size for size, _ in kept.values())


@pytest.mark.parametrize("name", NETS)
def test_multiply_adds_and_training_memory_are_torchs(name):
    net_graph, adds, kept = measured(*NETS[name])
    cost = costs(net_graph)
    assert cost.multiply_adds == adds
    # The steps of a recurrent layer begin without a gradient, which costs a little less.
    assert cost.training == pytest.approx(kept, rel=0.1 if name == "sequence" else 1e-4)


def test_parameters_are_the_modules():
    for source, phase, shapes in (NETS["siamese"], NETS["resnet20"], NETS["alexnet"]):
        cost = costs(graph(source, phase=phase, shapes=shapes))
        net = protonet.compile(source, phase=phase, shapes=shapes, faithful=True)
        assert cost.parameters == sum(p.numel() for p in net.parameters())
        assert cost.statistics == sum(b.numel() for b in net.buffers())


EXACT = (
    "AbsVal BNLL BatchNorm Bias Clip Concat Convolution Crop Deconvolution Dropout ELU Eltwise "
    "Embed Exp Flatten Im2col InnerProduct LRN Log PReLU Pooling Power ReLU Reduction "
    "Reshape SPP Scale Sigmoid Slice Softmax Split Swish TanH Threshold Tile RNN"
)


@pytest.mark.parametrize("kind", EXACT.split())
def test_what_a_layer_keeps_is_what_autograd_keeps(kind):
    for example in REGISTRY[kind].examples:
        above = ""
        for blob, shape in example.inputs.items():
            dims = " ".join(f"dim: {n}" for n in shape)
            above += (
                f'layer {{ name: "{blob}_in" type: "Input" top: "{blob}_in" '
                f"input_param {{ shape {{ {dims} }} }} }}\n"
                + layer("Bias", f"{blob}_in", blob, "bias_param { axis: 0 num_axes: 0 }")
            )
        net_graph, adds, kept = measured(above + example.prototxt, "TRAIN", {})
        assert costs(net_graph).training == kept
        assert costs(net_graph).multiply_adds == adds


def test_the_peak_of_a_diamond():
    text = small(
        layer("ReLU", "x", "a")
        + layer("Tile", "a", "b", "tile_param { tiles: 3 }")
        + layer("Concat", "x x x", "c")
        + layer("Eltwise", "b c", "d"),
        (1, 10),
    )
    cost = costs(graph(text))
    # x and a; x, a and b; x, b and c; b, c and d.
    assert cost.peak == 4 * max(10 + 10, 10 + 10 + 30, 10 + 30 + 30, 30 + 30 + 30)
    assert cost.forward == 4 * (10 + 10 + 30 + 30 + 30)


def test_views_take_no_memory():
    text = small(layer("Flatten", "x", "a") + layer("ReLU", "a", "b"), (1, 2, 3))
    cost = costs(graph(text))
    assert [c.forward for c in cost.layers] == [24, 0, 24]
    assert cost.peak == 48


BRANCHES = small(
    conv("x", "a", "num_output: 2 kernel_size: 5 stride: 2 pad: 2")
    + layer("Pooling", "a", "p", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }")
    + conv("p", "one", "num_output: 2 kernel_size: 1")
    + conv("p", "three", "num_output: 2 kernel_size: 3 pad: 2 dilation: 2")
    + layer("Concat", "one three", "y"),
    (1, 1, 97, 97),
)
CROPPED = small(
    conv("x", "a", "num_output: 2 kernel_size: 4 stride: 2 pad: 1")
    + conv("a", "b", "num_output: 2 kernel_size: 3 pad: 1")
    + conv("b", "up", "num_output: 2 kernel_size: 4 stride: 2 pad: 1", "Deconvolution")
    + conv("x", "small", "num_output: 2 kernel_size: 9")
    + layer("Crop", "up small", "y", "crop_param { axis: 2 offset: 5 }"),
    (1, 1, 64, 64),
)


@pytest.mark.parametrize(("source", "tolerance"), [(BRANCHES, 0), (GROUPED, 0), (CROPPED, 1)])
def test_a_gradient_reaches_the_receptive_field(source, tolerance):
    net_graph = graph(source)
    net = protonet.compile(source, outputs=[net_graph.outputs[-1].blob])
    for parameter in net.parameters():
        torch.nn.init.ones_(parameter)
    x = torch.rand(net_graph.inputs[0].shape, requires_grad=True)
    (y,) = net(x).values()
    middle = [n // 2 for n in y.shape[2:]]
    y[0, :, middle[0], middle[1]].sum().backward()
    field = costs(net_graph).layers[-1].field
    seen = x.grad[0].sum(0).nonzero()
    for axis in (0, 1):
        first, last = int(seen[:, axis].min()), int(seen[:, axis].max())
        # Between the steps of a deconvolution elements see one pixel more or less.
        assert last - first + 1 == pytest.approx(field.size[axis], abs=2 * tolerance)
        wanted = field.offset[axis] + middle[axis] * field.stride[axis]
        assert first == pytest.approx(float(wanted), abs=2 * tolerance)


def test_a_field_of_everything():
    cost = costs(graph(ZOO / "lenet" / "deploy.prototxt"))
    fields = {c.node.name: c.field for c in cost.layers}
    assert str(fields["pool2"]) == "16x16"
    assert str(fields["ip1"]) == "all"
    assert costs(graph(SIAMESE)).layers[-1].field is None
