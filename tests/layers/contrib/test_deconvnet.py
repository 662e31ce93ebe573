"""Unpooling and EltwiseAccuracy, held to loops in plain numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from one_layer import close, compiled, gradients_hold, numbers, outputs, text_of

import protonet

X = (2, 3, 4, 5)


def windows(shape, kernel, stride, size):
    """Each element's index and the window that it has, as the fork's loops clip it."""
    for n, c, i, j in itertools.product(*map(range, shape)):
        top, left = i * stride[0], j * stride[1]
        cut = np.s_[
            n, c, top : min(top + kernel[0], size[0]), left : min(left + kernel[1], size[1])
        ]
        yield (n, c, i, j), cut


def unpooled(x, method, kernel, stride, size):
    y = np.zeros((*x.shape[:2], *size))
    for at, cut in windows(x.shape, kernel, stride, size):
        if method == "MAX":
            y[at[0], at[1], at[2] * stride[0], at[3] * stride[1]] = x[at]
        else:
            y[cut] += x[at] / (y[cut].size if method == "AVE" else 1)
    return y


WINDOWS = [
    ("kernel_size: 2 stride: 2", (2, 2), (2, 2), (9, 11)),
    ("kernel_size: 3 stride: 2 unpool_size: 10", (3, 3), (2, 2), (10, 10)),
    ("kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 2", (3, 2), (1, 2), (6, 11)),
    ("kernel_size: 2 stride: 2 unpool_h: 7 unpool_w: 9", (2, 2), (2, 2), (7, 9)),
]


@pytest.mark.parametrize("method", ["MAX", "AVE", "TILE"])
@pytest.mark.parametrize(("fields", "kernel", "stride", "size"), WINDOWS)
def test_unpooling_without_a_mask(method, fields, kernel, stride, size):
    param = f"unpooling_param {{ unpool: {method} {fields} }}"
    net, x = compiled("Unpooling", param, [X]), numbers(1, X)
    close(outputs(net, x)[0], unpooled(x, method, kernel, stride, size))
    if method != "TILE":
        assert gradients_hold(net, x)


@pytest.mark.parametrize(("fields", "kernel", "stride", "size"), WINDOWS)
def test_the_gradient_of_a_tile_is_its_mean(fields, kernel, stride, size):
    net = compiled("Unpooling", f"unpooling_param {{ unpool: TILE {fields} }}", [X])
    x = torch.from_numpy(numbers(2, X)).requires_grad_(True)
    above = numbers(3, (*X[:2], *size))
    (next(iter(net(x).values())) * torch.from_numpy(above)).sum().backward()
    wanted = np.zeros(X)
    for at, cut in windows(X, kernel, stride, size):
        wanted[at] = above[cut].mean()
    close(x.grad.numpy(), wanted)


def test_unpooling_by_a_mask_goes_back_where_a_pooling_was():
    pool = 'layer { name: "p" type: "Pooling" bottom: "b0" top: "p" top: "m" '
    pool += "pooling_param { pool: MAX kernel_size: 2 stride: 2 } }\n"
    text = text_of("Unpooling", "unpooling_param { kernel_size: 2 stride: 2 }", [(2, 3, 8, 6)])
    head, own = text.rsplit("layer", 1)
    own = own.replace('bottom: "b0"', 'bottom: "p" bottom: "m"').replace(
        "stride: 2", "stride: 2 unpool_h: 8 unpool_w: 6"
    )
    net = protonet.compile(f"{head}{pool}layer{own}", outputs=["t0"]).double()
    x = numbers(4, (2, 3, 8, 6))
    blocks = x.reshape(2, 3, 4, 2, 3, 2)
    wanted = np.where(blocks == blocks.max((3, 5), keepdims=True), blocks, 0).reshape(x.shape)
    close(outputs(net, x)[0], wanted)
    assert gradients_hold(net, x)


@pytest.mark.parametrize(
    ("fields", "shapes", "words"),
    [
        ("kernel_size: 2 pad: 1", [X], "a pad is refused by the fork, too"),
        ("stride: 2", [X], "it has no kernel_size"),
        ("kernel_size: 2 stride: 0", [X], "stride must be positive, it is 0x0"),
        ("kernel_size: 2 kernel_h: 2", [X], "kernel_size is given as well as kernel_h"),
        ("kernel_h: 2", [X], "kernel_h and kernel_w go together, kernel_h is alone"),
        ("kernel_size: 2 stride: 3 unpool_size: 9", [X], "no room for 4 windows"),
        ("kernel_size: 2 unpool_size: 0", [X], "the map must have a size, it is 0x0"),
        ("kernel_size: 2 unpool: AVE", [X, X], "only MAX takes a second bottom"),
        ("kernel_size: 2", [X, (2, 3, 4, 4)], "the mask 2x3x4x4 has not the shape 2x3x4x5"),
        ("kernel_size: 2", [(2, 3)], "it takes 4 axes"),
    ],
)
def test_what_an_unpooling_refuses(fields, shapes, words):
    problems = protonet.check(text_of("Unpooling", f"unpooling_param {{ {fields} }}", shapes))
    assert words in problems[0].message, problems
    assert problems[0].span


def accuracy(scores, labels, top_k, ignore):
    """Pairs of score and class, the largest first, as partial_sort with std::greater has them."""
    right = kept = 0
    for n, i, j in itertools.product(range(len(scores)), *map(range, scores.shape[2:])):
        label = int(labels[n, 0, i, j])
        if label == ignore:
            continue
        kept += 1
        pairs = sorted(((v, k) for k, v in enumerate(scores[n, :, i, j])), reverse=True)
        right += label in [k for _, k in pairs[:top_k]]
    return right / kept


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize("ignore", [None, 2, 255])
def test_eltwise_accuracy(top_k, ignore):
    draw = np.random.RandomState(top_k)
    scores = draw.randint(0, 4, (2, 5, 3, 4)).astype(float)  # many are alike
    labels = draw.choice([0, 1, 2, 3, 4, 7, 255], (2, 1, 3, 4)).astype(float)
    fields = f"top_k: {top_k} " + (f"ignore_label: {ignore}" if ignore is not None else "")
    param = f"eltwise_accuracy_param {{ {fields} }}"
    net = compiled("EltwiseAccuracy", param, [scores.shape, labels.shape])
    found = outputs(net, scores, labels)[0]
    close(found, np.full((1, 1, 1, 1), accuracy(scores, labels, top_k, ignore)))


def test_what_an_eltwise_accuracy_refuses():
    def first(fields, *shapes):
        text = text_of("EltwiseAccuracy", f"eltwise_accuracy_param {{ {fields} }}", shapes)
        return protonet.check(text)[0].message

    scores = (2, 5, 3, 4)
    assert "top_k is 1 to 5" in first("top_k: 6", scores, (2, 1, 3, 4))
    assert "take labels of 2x1x3x4, not 2x3x4" in first("", scores, (2, 3, 4))
    assert "it takes 4 axes" in first("", (2, 5), (2, 1))
