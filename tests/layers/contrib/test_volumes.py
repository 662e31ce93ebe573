"""C3D's layers for volumes against numpy: Deconvolution3D, VoxelSoftmax and its loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet.diagnostics import NetError

WINDOW = (
    "convolution_param { num_output: 2 kernel_size: 3 kernel_depth: 2 pad: 1 temporal_pad: 1 "
    "stride: 2 temporal_stride: 3 }"
)


def test_deconvolution():
    """Each input times the window, added where the window lies, the padding cut off."""
    x = numbers(1, (2, 3, 3, 4, 5))
    net = compiled("Deconvolution3D", WINDOW, [x.shape])
    weight, bias = filled(net, 2)
    whole = np.zeros((2, 2, 2 * 3 + 2, 3 * 2 + 3, 4 * 2 + 3))
    for n, c, t, i, j in np.ndindex(*x.shape):
        at = np.s_[3 * t : 3 * t + 2, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        whole[n][(slice(None), *at)] += x[n, c, t, i, j] * weight[c]
    wanted = whole[:, :, 1:-1, 1:-1, 1:-1] + bias.reshape(1, -1, 1, 1, 1)
    (actual,) = outputs(net, x)
    close(actual, wanted)
    assert gradients_hold(net, x[:, :, :2, :2, :2])


def probabilities(x):
    exponentials = np.exp(x - x.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def test_softmax():
    x = numbers(3, (2, 4, 2, 3, 3))
    net = compiled("VoxelSoftmax", "", [x.shape])
    close(outputs(net, x)[0], probabilities(x))


@pytest.mark.parametrize("classes", [4, 6])
def test_loss(classes):
    """Labels that are no class count as voxels, add nothing and pull at the gradient."""
    x = numbers(4, (2, 4, 2, 3, 3))
    labels = np.random.RandomState(5).randint(0, classes, (2, 1, 2, 3, 3))
    net = compiled("VoxelSoftmaxLoss", "", [x.shape, labels.shape])
    scores = torch.from_numpy(x).requires_grad_()
    (loss,) = net(scores, torch.from_numpy(labels).double()).values()
    loss.backward()
    prob, total = probabilities(x), 0.0
    gradient = prob.copy()
    for n, t, i, j in np.ndindex(2, 2, 3, 3):
        label = labels[n, 0, t, i, j]
        if label < 4:
            total -= np.log(prob[n, label, t, i, j])
            gradient[n, label, t, i, j] -= 1
    close(loss.detach().numpy(), total / labels.size)
    close(scores.grad.numpy(), gradient / labels.size)


def test_a_probability_has_a_least_value():
    x = np.zeros((1, 2, 1, 1, 1))
    x[0, 0] = 1000
    net = compiled("VoxelSoftmaxLoss", "", [x.shape, (1, 1, 1, 1, 1)])
    close(outputs(net, x, np.ones((1, 1, 1, 1, 1)))[0], -np.log(2.0**-126))


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "words"),
    [
        ("VoxelSoftmax", "", [(2, 3, 4, 4)], "5 axes"),
        ("VoxelSoftmaxLoss", "", [(2, 3, 4, 4), (2, 1, 4, 4)], "5 axes"),
        ("VoxelSoftmaxLoss", "", [(2, 3, 2, 4, 4), (2, 2, 4, 4)], "take labels of 2x1x2x4x4"),
        ("Deconvolution3D", WINDOW, [(2, 3, 4, 4)], "5 axes"),
        ("Deconvolution3D", WINDOW.replace("pad: 1", "group: 3", 1), [(2, 3, 2, 4, 4)], "group 3"),
    ],
)
def test_refused(kind, fields, shapes, words):
    (problem,) = protonet.check(text_of(kind, fields, shapes))
    assert words in problem.message
    assert problem.span is not None


ND = (
    "convolution_param {{ num_output: 4 group: 2 kernel_shape {{ dim: 2 dim: 3 dim: 3 }} "
    "stride_shape {{ dim: 1 dim: 2 dim: 2 }} pad_shape {{ dim: 1 dim: 0 dim: 1 }} {} }}"
)


def test_nd_convolution():
    x = numbers(6, (2, 4, 3, 5, 6))
    net = compiled("NdConvolution", ND.format(""), [x.shape])
    weight, bias = filled(net, 2)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0), (1, 1)])
    wanted = np.zeros((2, 4, 4, 2, 3))
    for n, o, t, i, j in np.ndindex(*wanted.shape):
        inputs = slice(0, 2) if o < 2 else slice(2, 4)
        window = padded[n, inputs, t : t + 2, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        wanted[n, o, t, i, j] = (window * weight[o]).sum() + bias[o]
    close(outputs(net, x)[0], wanted)
    assert gradients_hold(net, x[:1, :, :1, :3, :3])


@pytest.mark.parametrize(("pool", "size"), [("MAX", (4, 7, 5)), ("AVE", (4, 6, 6))])
def test_nd_pooling(pool, size):
    x = numbers(7, (2, 3, *size))
    shapes = "kernel_shape { dim: 1 dim: 2 dim: 2 } stride_shape { dim: 1 dim: 2 dim: 2 }"
    net = compiled("NdPooling", f"pooling_param {{ pool: {pool} {shapes} }}", [x.shape])
    wanted = np.zeros((2, 3, 4, -(-size[1] // 2), -(-size[2] // 2)))
    for *first, i, j in np.ndindex(*wanted.shape):
        window = x[tuple(first)][2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        wanted[(*first, i, j)] = window.max() if pool == "MAX" else window.mean()
    close(outputs(net, x)[0], wanted)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("NdConvolution", ND.format("").replace("group: 2", "group: 3"), "group 3 does not divide"),
        ("NdConvolution", ND.format("").replace("dim: 2 dim: 2", "dim: 2"), "stride_shape has 2"),
        ("NdConvolution", "convolution_param { num_output: 4 }", "kernel_shape has 0 axes"),
        ("NdPooling", "pooling_param { kernel_shape { dim: 9 dim: 1 dim: 1 } }", "does not fit"),
        (
            "NdPooling",
            (
                "pooling_param { kernel_shape { dim: 1 dim: 1 dim: 1 } "
                "stride_shape { dim: 2 dim: 1 dim: 1 } }"
            ),
            "leave gaps",
        ),
        (
            "NdPooling",
            (
                "pooling_param { pool: AVE kernel_shape { dim: 2 dim: 2 dim: 2 } "
                "stride_shape { dim: 2 dim: 2 dim: 2 } }"
            ),
            "do not end with 3x5x6",
        ),
    ],
)
def test_nd_refused(kind, fields, words):
    (problem,) = protonet.check(text_of(kind, fields, [(2, 4, 3, 5, 6)]))
    assert words in problem.message
    assert problem.span is not None


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution", "Pooling"])
def test_a_window_by_shapes_is_of_the_nd_types_alone(kind):
    holder = "pooling_param" if kind == "Pooling" else "convolution_param"
    outputs = "" if kind == "Pooling" else "num_output: 2"
    fields = f"{holder} {{ {outputs} kernel_size: 3 stride_shape {{ dim: 2 dim: 2 }} }}"
    with pytest.raises(NetError, match="stride_shape is of the types NdConvolution and NdPooling"):
        compiled(kind, fields, [(1, 2, 9, 9)])
