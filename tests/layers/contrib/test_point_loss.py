"""The loss of points, classes and objectness, against its definition pixel by pixel."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, numbers, outputs, quick, text_of

from protonet import NetError
from protonet.api import graph

KIND = "SoftmaxWithLossExpectation"
PARTS = ("supervised", "classes", "constraint", "objectness")
FIELDS = dict.fromkeys(PARTS, "ignore_{}") | {"supervised": "ignore_location"}
C, H, W = 5, 3, 4


def labels_of(seed, from_one, ranked):
    """Planes of labels, objectness, listed classes and, with ranks, weights."""
    draw = np.random.default_rng(seed)
    planes = np.zeros((3 + ranked, H * W))
    known = draw.random(H * W) < 0.4
    planes[0] = np.where(known, draw.integers(from_one, C + from_one, H * W), 255)
    planes[1] = draw.integers(0, 256, H * W)
    listed = draw.permutation(np.arange(1, C))[: draw.integers(1, C)]
    planes[2, : len(listed)] = listed
    planes[2, len(listed) + 1 :] = draw.integers(0, C, H * W - len(listed) - 1)
    if ranked:
        planes[3] = draw.integers(1, 256, H * W)
    return planes.reshape(1, -1, H, W)


def softmax(x):
    e = np.exp(x - x.max(0))
    return e / e.sum(0)


def listed_classes(listed, from_one):
    """The classes up to the 0, and how many they are; the 0 is one but where they start at 1."""
    present, number = set(), 0
    for value in listed.astype(int):
        if from_one and value == 0:
            break
        present.add(value - from_one)
        number += 1
        if value == 0:
            break
    return present, number


def reference(x, planes, on, mean, from_one):
    """The loss and its slope, pixel by pixel, as the fork's GPU passes have them."""
    label, prior, listed, *rank = planes.reshape(len(planes[0]), -1)
    s = softmax(x.reshape(C, -1))
    present, number = listed_classes(listed, from_one)
    known = [p for p in range(H * W) if on["supervised"] and label[p] != 255]
    weights = {p: rank[0][p] / 255 if rank else 1.0 for p in known}
    divisors = {
        "classes": number,
        "constraint": C - number,
        "supervised": sum(weights.values()),
        "objectness": H * W - len(known),
    }
    scale = {k: 1 / (d if mean[k] and d else 1) for k, d in divisors.items()}
    loss, slope = 0.0, np.zeros_like(s)
    for c in range(C):
        p, kind = s[c].argmax(), "classes" if c in present else "constraint"
        one = np.arange(C) == c
        if not on[kind]:
            continue
        if kind == "classes":
            loss -= log(s[c, p]) * scale[kind]
            slope[:, p] += (s[:, p] - one) * scale[kind]
        else:
            loss -= log(1 - s[c, p]) * scale[kind]
            slope[:, p] += (one - s[:, p]) * s[c, p] / (1 - s[c, p]) * scale[kind]
    for p in known:
        t = int(label[p]) - from_one
        loss -= weights[p] * log(s[t, p]) * scale["supervised"]
        slope[:, p] += weights[p] * (s[:, p] - (np.arange(C) == t)) * scale["supervised"]
    for p in range(H * W):
        if on["objectness"] and label[p] == 255:
            ground, b = s[0, p], 1 - (prior[p] + 1) / 257
            loss -= (b * log(ground) + (1 - b) * log(1 - ground)) * scale["objectness"]
            own = s[:, p] * (b - ground) / (1 - ground)
            own[0] = ground - b
            slope[:, p] += own * scale["objectness"]
    return loss, slope.reshape(x.shape)


def net_of(on, mean, from_one, ranked):
    fields = "ignore_label: 255 normalize: false "
    for part in PARTS:
        fields += f"{FIELDS[part].format(part)}: {str(not on[part]).lower()} "
        fields += f"normalize_{part}: {str(mean[part]).lower()} "
    fields += f"is_siftflow: {str(from_one).lower()} ignore_rank: {str(not ranked).lower()}"
    shapes = [(1, C, H, W), (1, 3 + ranked, H, W)]
    return compiled(KIND, f"loss_param {{ {fields} }}", shapes)


flags = st.booleans()
switches = st.fixed_dictionaries(dict.fromkeys(PARTS, flags))


@settings(quick, max_examples=15)
@given(st.integers(0, 2**16), switches, switches, flags, flags)
def test_loss_and_slope_are_the_sums_of_the_parts(seed, on, mean, from_one, ranked):
    on = on | {"classes": True}
    x, planes = numbers(seed, (1, C, H, W)) * 3, labels_of(seed + 1, from_one, ranked)
    net = net_of(on, mean, from_one, ranked)
    scores = torch.from_numpy(x).requires_grad_(True)
    top = net(scores, torch.from_numpy(planes))["t0"]
    top.backward()
    loss, slope = reference(x[0], planes, on, mean, int(from_one))
    close(top.detach().numpy(), loss)
    close(scores.grad.numpy()[0], slope)


def test_what_lies_behind_the_list_does_not_count():
    on, mean = dict.fromkeys(PARTS, True), dict.fromkeys(PARTS, True)
    net, x = net_of(on, mean, False, False), numbers(3, (1, C, H, W))
    planes = labels_of(4, 0, False)
    changed = planes.copy()
    end = int((planes[0, 2].ravel() == 0).argmax())
    changed[0, 2].reshape(-1)[end + 1 :] = C - 1
    close(outputs(net, x, changed)[0], outputs(net, x, planes)[0])


@pytest.mark.parametrize(
    ("shapes", "fields", "message"),
    [
        ([(2, 5, 3, 4), (2, 3, 3, 4)], "ignore_label: 255", "first image of a batch only"),
        ([(1, 34, 3, 4), (1, 3, 3, 4)], "ignore_label: 255", "place for 33 classes"),
        ([(1, 5, 3, 4), (1, 1, 3, 4)], "ignore_label: 255", "take 3 numbers a pixel"),
        ([(1, 5, 3, 4), (1, 3, 3, 4)], "ignore_label: 255 ignore_rank: false", "take 4 numbers"),
        ([(1, 5, 3, 4), (1, 3, 3, 4)], "", "needs ignore_label"),
    ],
)
def test_refusals(shapes, fields, message):
    with pytest.raises(NetError, match=message):
        graph(text_of(KIND, f"loss_param {{ {fields} }}", shapes))


def test_other_losses_refuse_what_is_counted():
    fields = "loss_param { ignore_location: true }"
    with pytest.raises(NetError, match="SoftmaxWithLossExpectation only"):
        graph(text_of("SoftmaxWithLoss", fields, [(1, 5, 3, 4), (1, 1, 3, 4)]))
