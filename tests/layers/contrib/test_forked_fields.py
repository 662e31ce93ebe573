"""Fields that forks add to Caffe's own layers: losses' weights, Dropout's moods, dilation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick

from protonet import NetError

seeds = st.integers(0, 2**16)


def loss_of_segnet(x, labels, *, weights, ignore, normalize, axis):
    """Loop by loop, as SegNet's SoftmaxWithLossLayer::Forward_cpu and its later form."""
    e = np.exp(x - x.max(axis, keepdims=True))
    p = np.moveaxis(e / e.sum(axis, keepdims=True), axis, -1).reshape(-1, x.shape[axis])
    flat = labels.astype(int).ravel()
    total = counted = 0
    for row, label in zip(p, flat, strict=True):
        if label == ignore:
            continue
        weight = weights[label] if weights else 1 / (flat == label).sum()
        total -= weight * np.log(row[label])
        counted += 1
    outer = int(np.prod(x.shape[:axis]))
    return total / (max(counted, 1) if normalize else outer)


@quick
@given(
    seeds,
    st.sampled_from([0, 1, 2]),
    st.booleans(),
    st.sampled_from([None, 1, 255]),
    st.sampled_from([None, True, False]),
)
def test_softmax_loss_weighs_classes(seed, axis, stated, ignore, normalize):
    draw = np.random.default_rng(seed)
    shape = [2, 2, 3]
    shape[axis] = 3
    labels_shape = [n for i, n in enumerate(shape) if i != axis]
    assume(labels_shape[0] == shape[0])
    x = draw.normal(size=shape)
    known = [0, 1, 2] if ignore is None else [0, 1, 2, ignore]
    labels = draw.choice(known, labels_shape)
    weights = [0.5, 2.0, 1.25] if stated else None
    fields = "weight_by_label_freqs: true "
    fields += "class_weighting: [0.5, 2.0, 1.25] " if stated else ""
    fields += "" if ignore is None else f"ignore_label: {ignore} "
    fields += "" if normalize is None else f"normalize: {str(normalize).lower()}"
    text = f"softmax_param {{ axis: {axis} }} loss_param {{ {fields} }}"
    net = compiled("SoftmaxWithLoss", text, [shape, labels_shape])
    wanted = loss_of_segnet(
        x, labels, weights=weights, ignore=ignore, normalize=normalize is not False, axis=axis
    )
    close(outputs(net, x, labels)[0], wanted)
    gradients_hold(net, x, labels)


def test_softmax_loss_of_intel_divides_by_a_number():
    x, labels = numbers(3, (4, 5)), np.array([0, 1, 4, 2.0])
    plain = compiled("SoftmaxWithLoss", "loss_param { normalization: NONE }", [(4, 5), (4,)])
    fields = "loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 16 }"
    net = compiled("SoftmaxWithLoss", fields, [(4, 5), (4,)])
    close(outputs(net, x, labels)[0], outputs(plain, x, labels)[0] / 16)


@pytest.mark.parametrize(
    ("kind", "fields", "what"),
    [
        ("SoftmaxWithLoss", "class_weighting: [1, 2]", "no effect without"),
        ("SoftmaxWithLoss", "weight_by_label_freqs: true class_weighting: 2", "1 times for 3"),
        ("SoftmaxWithLoss", "label_smoothing: 0.1", "smoothed labels are not supported"),
        ("InfogainLoss", "normalization: PRE_FIXED", "for SoftmaxWithLoss only"),
        ("SigmoidCrossEntropyLoss", "weight_by_label_freqs: true", "for SoftmaxWithLoss only"),
    ],
)
def test_losses_refuse(kind, fields, what):
    shapes = [(2, 3), (2, 3)] if kind.startswith("Sigmoid") else [(2, 3), (2,)]
    shapes += [(1, 1, 3, 3)] if kind.startswith("Infogain") else []
    with pytest.raises(NetError, match=what):
        compiled(kind, f"loss_param {{ {fields} }}", shapes)


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_dropout(always, scale):
    fields = f"sample_weights_test: {str(always).lower()} scale_train: {str(scale).lower()}"
    text = f"dropout_param {{ dropout_ratio: 0.25 {fields} }}"
    net = compiled("Dropout", text, [(100, 1000)])
    x = np.ones((100, 1000))
    torch.manual_seed(4)
    for training in (True, False):
        net.train(training)
        y = outputs(net, x)[0]
        if training or always:
            close(y[y != 0], np.full((y != 0).sum(), 1 / 0.75 if scale else 1.0))
            # 1e5 draws: within five standard errors.
            assert abs((y == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1e5)
        else:
            close(y, x if scale else 0.75 * x)


def test_dilation_of_two_axes():
    shape = (1, 1, 9, 9)
    fields = "convolution_param { num_output: 1 kernel_size: 2 bias_term: false "
    net = compiled("Convolution", fields + "dilation_h: 3 dilation_w: 2 }", [shape])
    (weight,) = filled(net, 1)
    x = numbers(2, shape)
    wanted = sum(
        weight[0, 0, i, j] * x[:, :, 3 * i : 3 * i + 6, 2 * j : 2 * j + 7]
        for i in range(2)
        for j in range(2)
    )
    close(outputs(net, x)[0], wanted)
