"""CTPN's Transpose, Reverse and Lstm, and FaceBoxes' dense prior boxes, against loops in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet.api import graph


@quick
@given(st.data())
def test_transpose(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5)))
    order = data.draw(st.permutations(range(len(shape))))
    fields = f"transpose_param {{ {' '.join(f'dim: {axis}' for axis in order)} }}"
    x = numbers(1, shape)
    (y,) = outputs(compiled("Transpose", fields, [shape]), x)
    wanted = np.empty([shape[axis] for axis in order])
    for place in np.ndindex(*shape):
        wanted[tuple(place[axis] for axis in order)] = x[place]
    close(y, wanted)


@quick
@given(st.data())
def test_reverse(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = numbers(2, shape)
    (y,) = outputs(compiled("Reverse", f"reverse_param {{ axis: {axis} }}", [shape]), x)
    for place in np.ndindex(*shape):
        other = list(place)
        other[axis] = shape[axis] - 1 - place[axis]
        assert y[tuple(other)] == x[place]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def lstm(x, weight, hidden, bias):
    """Unit by unit: the gates are input, forget, output and cell; the state begins at zero."""
    steps, streams = x.shape[:2]
    units = hidden.shape[1]
    y = np.zeros((steps, streams, units))
    for n in range(streams):
        h, c = np.zeros(units), np.zeros(units)
        for t in range(steps):
            new = np.zeros(units)
            for d in range(units):
                gates = [
                    bias[row] + weight[row] @ x[t, n].ravel() + hidden[row] @ h
                    for row in range(d, 4 * units, units)
                ]
                i, f, o = map(sigmoid, gates[:3])
                c[d] = f * c[d] + i * math.tanh(gates[3])
                new[d] = o * math.tanh(c[d])
            h = new
            y[t, n] = h
    return y


@pytest.mark.parametrize("shape", [(4, 2, 3), (3, 1, 2, 2), (1, 3, 1)])
def test_lstm(shape):
    net = compiled("Lstm", "lstm_param { num_output: 2 }", [shape])
    weight, hidden, bias = filled(net, 3)
    assert weight.shape == (8, math.prod(shape[2:]))
    assert hidden.shape == (8, 2)
    x = numbers(4, shape)
    for _ in range(2):  # nothing is kept from one sequence to the next
        (y,) = outputs(net, x)
        close(y, lstm(x, weight, hidden, bias))
    assert gradients_hold(net, x)


CTPN = """
layer { name: "im2col" bottom: "b0" top: "im2col" type: "Im2col"
  convolution_param { pad: 1 kernel_size: 3 } }
layer { name: "turned" type: "Transpose" bottom: "im2col" top: "turned"
  transpose_param { dim: 3 dim: 2 dim: 0 dim: 1 } }
layer { name: "input" type: "Reshape" bottom: "turned" top: "input"
  reshape_param { shape { dim: -1 } axis: 1 num_axes: 2 } }
layer { name: "lstm" type: "Lstm" bottom: "input" top: "lstm"
  lstm_param { num_output: 4 clipping_threshold: 1 } }
layer { name: "from_behind" type: "Reverse" bottom: "input" top: "from_behind" }
layer { name: "rlstm" type: "Lstm" bottom: "from_behind" top: "rlstm"
  lstm_param { num_output: 4 } }
layer { name: "back" type: "Reverse" bottom: "rlstm" top: "back" reverse_param { axis: 0 } }
layer { name: "both" type: "Concat" bottom: "lstm" bottom: "back" top: "both"
  concat_param { axis: 2 } }
layer { name: "four" type: "Reshape" bottom: "both" top: "four"
  reshape_param { shape { dim: -1 dim: 1 } axis: 1 num_axes: 1 } }
layer { name: "out" type: "Transpose" bottom: "four" top: "out"
  transpose_param { dim: 2 dim: 3 dim: 1 dim: 0 } }"""


def test_the_end_of_ctpn():
    inputs = text_of("Silence", "", [(1, 2, 3, 5)], tops=0).split("\n")[0]
    net = graph(f"{inputs}\n{CTPN}\n")
    assert net.blobs["input"].shape == (5, 3, 18)
    assert net.blobs["out"].shape == (1, 8, 3, 5)
    assert "self.rlstm = Lstm(18, 4)" in protonet.emit(f"{inputs}\n{CTPN}\n")


def dense(size, image, sizes, densities, ratios, *, fixed, offset, step):
    """The corners of FaceBoxes' boxes, (n, 4): whole pixels where the forks count in them."""
    (high, wide), boxes = image, []
    for i in range(size[0]):
        for j in range(size[1]):
            cy, cx = (i + offset) * step, (j + offset) * step
            for side, density in zip(sizes, densities, strict=True):
                shift = math.floor(side / density)
                for ratio in ratios:
                    w, h = side * math.sqrt(ratio), side / math.sqrt(ratio)
                    if not fixed and ratio == 1:
                        w = h = math.floor(side)
                    for r in range(density):
                        for c in range(density):
                            x = cx - math.floor(side) // 2 + shift / 2 + c * shift
                            y = cy - math.floor(side) // 2 + shift / 2 + r * shift
                            low = max((x - w / 2) / wide, 0), max((y - h / 2) / high, 0)
                            far = min((x + w / 2) / wide, 1), min((y + h / 2) / high, 1)
                            boxes.append([*low, *far])
    return np.array(boxes)


@pytest.mark.parametrize(
    "fields, sizes, densities, ratios, fixed",
    [
        ("", (32, 64, 128), (4, 2, 1), [1], False),
        ("", (33.5, 9), (3, 2), [1], False),
        ("aspect_ratio: 2", (32, 21), (2, 1), [1, 2, 1 / 2], False),
        ("fixed_ratio: 1", (32.5,), (3,), [1], True),
        ("fixed_ratio: 4", (16, 40), (1, 2), [4], True),
    ],
)
def test_dense_prior_boxes(fields, sizes, densities, ratios, fixed):
    stated = " ".join(f"fixed_size: {n}" for n in sizes)
    stated += " " + " ".join(f"density: {n}" for n in densities)
    shapes = [(1, 2, 3, 4), (1, 3, 96, 128)]
    net = compiled("PriorBox", f"prior_box_param {{ {stated} {fields} step: 32 }}", shapes)
    (y,) = outputs(net, *map(np.zeros, shapes))
    wanted = dense((3, 4), (96, 128), sizes, densities, ratios, fixed=fixed, offset=0.5, step=32)
    close(y[0, 0].reshape(-1, 4), wanted)
    close(y[0, 1], np.full(wanted.size, np.float32(0.1), np.float64))


@pytest.mark.parametrize(
    "kind, fields, shapes, words",
    [
        ("Transpose", "transpose_param { dim: 0 }", [(2, 3)], "one dim for each of the 2 axes"),
        ("Transpose", "transpose_param { dim: 0 dim: 2 }", [(2, 3)], "has no axis 2"),
        ("Transpose", "transpose_param { dim: 1 dim: 1 }", [(2, 3)], "names the axis 1 twice"),
        ("Reverse", "reverse_param { axis: -1 }", [(2, 3)], "2x3 has no axis -1"),
        ("Lstm", "lstm_param { num_output: 3 }", [(2, 3)], "it takes (time, stream, ...)"),
        ("Lstm", "", [(2, 3, 4)], "num_output must be positive"),
        ("PriorBox", "prior_box_param { fixed_size: 8 }", [(1, 1, 2, 2)] * 2, "as many density"),
        (
            "PriorBox",
            "prior_box_param { fixed_size: 8 fixed_size: 16 density: 2 }",
            [(1, 1, 2, 2)] * 2,
            "2 fixed_size take as many density, not 1",
        ),
        (
            "PriorBox",
            "prior_box_param { density: 8 min_size: 4 }",
            [(1, 1, 2, 2)] * 2,
            "it takes min_size or fixed_size, not both",
        ),
        (
            "PriorBox",
            "prior_box_param { density: 1 fixed_size: 4 fixed_ratio: 1 fixed_ratio: 2 }",
            [(1, 1, 2, 2)] * 2,
            "it takes one fixed_ratio, not 2",
        ),
        (
            "PriorBox",
            "prior_box_param { density: 0.5 fixed_size: 4 }",
            [(1, 1, 2, 2)] * 2,
            "density must be at least 1, not 0.5",
        ),
    ],
)
def test_what_is_refused(kind, fields, shapes, words):
    (problem, *_) = protonet.check(text_of(kind, fields, shapes))
    assert words in problem.message
    assert problem.span


def test_clipped_gradients_are_refused_in_training_alone():
    text = text_of("Lstm", "lstm_param { num_output: 2 clipping_threshold: 1 }", [(2, 1, 3)])
    graph(text, "TEST")
    with pytest.raises(protonet.NetError, match="clipping_threshold of the gates' gradients"):
        graph(text, "TRAIN")
