"""C3D's layers for volumes against numpy: Deconvolution3D, VoxelSoftmax and its loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, text_of

import protonet

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
