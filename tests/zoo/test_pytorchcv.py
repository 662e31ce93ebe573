"""The zoo against pytorchcv's nets: the same weights give the same scores, and as many of them.

No package that installs without a torch of its own has the others: torchvision's operators are
compiled for one torch and timm imports torchvision; PyPI's GoogLeNets normalise batches and have
3x3 windows for 5x5, its LeNet-5s rectify, pool by maxima and join all maps; no AlexNet has two
groups, no VGG of pytorchcv normalises responses (vgg11_lrn) or has 1x1 windows (vgg16_1), no
residual net pads its shortcuts (the resnets of CIFAR are compared with projections) or is plain, no
Xception swaps its orders, and DeepLabv3 stands on another ResNet-50 (its pyramid is compared).
Those are held by the papers' counts and sizes, in test_definitions.py.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from torch import nn

import protonet
from protonet.api import graph
from protonet.zoo.catalogue import deploy, figures
from protonet.zoo.families.deeplab import pyramid
from protonet.zoo.families.resnet_cifar import resnet_cifar
from protonet.zoo.writer import NetText

pytest.importorskip("pytorchcv", reason="pip install --no-deps pytorchcv==0.0.74")
LEAVES = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
# Caffe's first pooling rounds up and has no pad, torch's ports pad and round down; the windows
# then start at another pixel. The reference gets Caffe's.
UP = nn.MaxPool2d(3, stride=2, ceil_mode=True)


def reference(path):
    module, _, name = path.partition(".")
    net = getattr(importlib.import_module(f"pytorchcv.models.{module}"), name)()
    generator = torch.Generator().manual_seed(7)
    for leaf in net.modules():
        if isinstance(leaf, nn.BatchNorm2d):
            for x in (leaf.weight, leaf.running_var):
                x.data.uniform_(0.5, 1.5, generator=generator)
            for x in (leaf.bias, leaf.running_mean):
                x.data.normal_(0, 0.1, generator=generator)
    return net.eval()


def in_order(net, x):
    """The leaves with weights in the order in which they run, and the net's output."""
    ran = []
    leaves = [leaf for leaf in net.modules() if isinstance(leaf, LEAVES)]
    hooks = [leaf.register_forward_pre_hook(lambda m, _: ran.append(m)) for leaf in leaves]
    with torch.no_grad():
        y = net(x)
    for hook in hooks:
        hook.remove()
    return ran, y


def blobs(net_graph, leaves):
    """Caffe's blobs of a net from the leaves of another, taken in turn."""
    found, left = {}, iter(leaves)
    norm = None
    for node in net_graph.nodes:
        if node.type == "Scale" and node.params:
            found[node.name] = arrays(norm.weight, norm.bias)
        elif node.params:
            leaf = next(left)
            if node.type == "BatchNorm":
                norm = leaf
                found[node.name] = [*arrays(leaf.running_mean, leaf.running_var), np.ones(1)]
            else:
                bias = leaf.bias
                if bias is None and len(node.params) > 1:
                    bias = torch.zeros(node.params[1].shape)
                weight = leaf.weight.reshape(node.params[0].shape)
                found[node.name] = arrays(weight, *([] if bias is None else [bias]))
    assert next(left, None) is None, "the reference has more layers"
    return found


def arrays(*tensors):
    return [t.detach().numpy() for t in tensors]


# Where sums are long or there are many groups, which are slow in double precision.
SINGLE = {"tolerance": 1e-4, "dtype": torch.float32}


def same(source, other, size, tolerance=1e-9, dtype=torch.float64, channels=3):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, channels, *size, generator=generator, dtype=dtype)
    ran, wanted = in_order(other.to(dtype), x)
    net_graph = graph(source, shapes={"data": tuple(x.shape)})
    last = net_graph.nodes[-1]
    scores = last.inputs[0].blob if last.type == "Softmax" else last.outputs[0].blob
    mine = protonet.compile(source, outputs=[scores]).to(dtype)
    protonet.load_blobs(mine, blobs(net_graph, ran))
    with torch.no_grad():
        found = mine(x)
    found = found if torch.is_tensor(found) else found[scores]
    wanted = wanted.reshape(found.shape)
    assert wanted.abs().max() > 0.01
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance * wanted.abs().max())


# As the first of their families, but deeper and wider: half a minute together.
DEEPER = [
    ("resnet34", "resnet.resnet34"),
    ("resnet101", "resnet.resnet101"),
    ("resnet152", "resnet.resnet152"),
    ("resnext101_32x4d", "resnext.resnext101_32x4d"),
    ("resnext101_64x4d", "resnext.resnext101_64x4d"),
    ("densenet161", "densenet.densenet161"),
    ("densenet169", "densenet.densenet169"),
    ("densenet201", "densenet.densenet201"),
]


def averaged(net):
    net.features.final_pool = nn.AdaptiveAvgPool2d(1)
    return net


def pooled_up(net):
    net.features.init_block.pool = UP
    return averaged(net)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("resnet18", "resnet.resnet18"),
        ("resnet50", "resnet.resnet50"),
        ("resnext50_32x4d", "resnext.resnext50_32x4d"),
        ("densenet121", "densenet.densenet121"),
        *(pytest.param(*names, marks=pytest.mark.slow) for names in DEEPER),
    ],
)
def test_nets_that_begin_with_a_pooling(name, path):
    precision = SINGLE if "resnext" in name else {}
    same(deploy(name), pooled_up(reference(path)), (64, 96), **precision)


@pytest.mark.parametrize(
    ("name", "path"),
    [("mobilenet_v1", "mobilenet.mobilenet_w1"), ("mobilenet_v2", "mobilenetv2.mobilenetv2b_w1")],
)
def test_mobile_nets(name, path):
    same(deploy(name), averaged(reference(path)), (96, 64), **SINGLE)


@pytest.mark.slow
def test_inception_v3():
    net = averaged(reference("inceptionv3.inceptionv3"))
    same(deploy("inception_v3"), net, (107, 91))


def test_xception():
    net = reference("xception.xception")
    net.features.final_block.pool = nn.AdaptiveAvgPool2d(1)
    same(deploy("xception"), net, (107, 90), **SINGLE)


def test_alexnet_of_2014():
    same(deploy("alexnet_owt"), reference("alexnet.alexnetb"), (224, 224), **SINGLE)


def test_alexnet_in_one_tower():
    # pytorchcv divides alpha by the window, as Caffe does, but starts from 0.0001.
    with open(deploy("alexnet_single"), encoding="utf-8") as file:
        text = file.read().replace("alpha: 0.0005", "alpha: 0.0001")
    same(text, reference("alexnet.alexnet"), (224, 224), **SINGLE)


@pytest.mark.parametrize(
    "name",
    ["vgg16", *(pytest.param(n, marks=pytest.mark.slow) for n in ("vgg11", "vgg13", "vgg19"))],
)
def test_vgg(name):
    same(deploy(name), reference(f"vgg.{name}"), (224, 224), **SINGLE)


def test_cifar_resnet_with_projections():
    net = NetText("net", (1, 3, 32, 32))
    resnet_cifar(net, 20, "projection")
    same(net.text(), averaged(reference("resnet_cifar.resnet20_cifar10")), (32, 32))


def test_padded_shortcut():
    """Option A in torch's own words: sample, and pad the channels."""
    net = NetText("net", (1, 3, 32, 32))
    resnet_cifar(net, 8)
    made = protonet.compile(net.text(), outputs=["res2_1", "res3_1_b", "res3_1_shortcut"])
    with torch.no_grad():
        found = made(torch.randn(2, 3, 32, 32))
    wanted = nn.functional.pad(found["res2_1"][:, :, ::2, ::2], [0, 0, 0, 0, 0, 16])
    assert torch.equal(found["res3_1_shortcut"], wanted)


def test_pyramid_of_deeplab():
    deeplab = importlib.import_module("pytorchcv.models.deeplabv3")
    torch.manual_seed(1)
    other = deeplab.AtrousSpatialPyramidPooling(2048, None).eval().branches
    net = NetText("net", (1, 2048, 9, 9))
    pyramid(net, "data", (12, 24, 36))
    same(net.text(), other, (17, 26), channels=2048, **SINGLE)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("alexnet_owt", "alexnet.alexnetb"),
        ("alexnet_single", "alexnet.alexnet"),
        ("densenet161", "densenet.densenet161"),
        ("densenet169", "densenet.densenet169"),
        ("densenet201", "densenet.densenet201"),
        ("inception_v3", "inceptionv3.inceptionv3"),
        ("mobilenet_v1", "mobilenet.mobilenet_w1"),
        ("resnet34", "resnet.resnet34"),
        ("resnet101", "resnet.resnet101"),
        ("resnet152", "resnet.resnet152"),
        ("resnext101_32x4d", "resnext.resnext101_32x4d"),
        ("resnext101_64x4d", "resnext.resnext101_64x4d"),
        ("vgg11", "vgg.vgg11"),
        ("vgg13", "vgg.vgg13"),
        ("vgg19", "vgg.vgg19"),
        ("xception", "xception.xception"),
    ],
)
def test_it_counts_the_same(name, path):
    module, _, function = path.partition(".")
    with torch.device("meta"):
        net = getattr(importlib.import_module(f"pytorchcv.models.{module}"), function)()
    assert sum(p.numel() for p in net.parameters()) == figures()[name]["parameters"]
