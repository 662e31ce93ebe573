"""DeepLab's Padding against numpy, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from one_layer import close, compiled, gradients_hold, numbers, outputs, text_of

import protonet


@pytest.mark.parametrize(("first", "last"), [(2, 1), (0, 3), (-1, -2), (0, -2), (-3, 0), (0, 0)])
def test_padding(first, last):
    x = numbers(abs(first) * 7 + abs(last), (2, 3, 6, 7))
    net = compiled("Padding", f"padding_param {{ pad_beg: {first} pad_end: {last} }}", [x.shape])
    wanted = np.pad(x, [(0, 0)] * 2 + [(max(0, first), max(0, last))] * 2)
    inner = slice(max(0, -first), min(0, last) or None)
    (actual,) = outputs(net, x)
    close(actual, wanted[:, :, inner, inner])
    assert gradients_hold(net, x)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("pad_beg: 1 pad_end: -1", "add and cut off at once"),
        ("pad_beg: -6", "leave nothing of 6x7"),
    ],
)
def test_padding_refuses(fields, words):
    (problem,) = protonet.check(text_of("Padding", f"padding_param {{ {fields} }}", [(2, 3, 6, 7)]))
    assert words in problem.message
    assert problem.span is not None
