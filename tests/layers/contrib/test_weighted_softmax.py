"""SoftmaxWithLoss with a weight for each label, label by label."""

from __future__ import annotations

import numpy as np
import pytest
from one_layer import close, compiled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet import NetError


def reference(scores, labels, weights, ignored, by_batch):
    total = size = 0.0
    for n, y, x in np.ndindex(*labels.shape[:1], *labels.shape[2:]):
        label = int(labels[n, 0, y, x])
        if label != ignored:
            odds = np.exp(scores[n, :, y, x])
            total -= weights[n, 0, y, x] * np.log(odds[label] / odds.sum())
            size += weights[n, 0, y, x]
    if by_batch:
        return total / len(labels)
    return total / size if size else 0.0


@pytest.mark.parametrize(
    ("fields", "ignored", "by_batch"),
    [
        ("", None, False),
        ("loss_param { ignore_label: 1 }", 1, False),
        ("loss_param { normalize: false }", None, True),
        ("loss_param { normalize: true ignore_label: 0 }", 0, False),
    ],
)
@pytest.mark.parametrize("empty", [False, True])
def test_weighted_softmax(fields, ignored, by_batch, empty):
    draw = np.random.default_rng(3)
    scores, labels = numbers(1, (2, 3, 2, 3)), draw.integers(0, 3, (2, 1, 2, 3))
    weights = draw.integers(0, 2, labels.shape) * draw.uniform(0, 2, labels.shape) * (not empty)
    net = compiled("SoftmaxWithLoss", fields, [scores.shape, labels.shape, weights.shape])
    wanted = reference(scores, labels, weights, ignored, by_batch)
    close(outputs(net, scores, labels, weights)[0], wanted)
    gradients_hold(net, scores, labels, weights)


@pytest.mark.parametrize(
    ("fields", "shape", "told"),
    [
        ("", (2, 3, 1), "labels 2x1x2 take as many weights, not 2x3x1"),
        ("softmax_param { axis: 2 }", (2, 1, 2), "with weights it takes axis: 1, not 2"),
        ("loss_param { normalization: FULL }", (2, 1, 2), "which forks read differently"),
    ],
)
def test_what_it_refuses(fields, shape, told):
    text = text_of("SoftmaxWithLoss", fields, [(2, 3, 2), (2, 1, 2), shape])
    with pytest.raises(NetError, match=told):
        protonet.compile(text)
