"""C3D's layers over frames, against loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick

import protonet
from protonet import NetError

seeds = st.integers(0, 2**16)
small = st.integers(1, 3)
FORMS = ["convolution_param", "convolution3d_param"]


def convolved(x, weight, bias, stride, pad):
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    kernel = weight.shape[2:]
    size = [(n - k) // s + 1 for n, k, s in zip(padded.shape[2:], kernel, stride, strict=True)]
    y = np.zeros((len(x), len(weight), *size))
    for at in itertools.product(*(range(n) for n in size)):
        window = tuple(slice(a * s, a * s + k) for a, s, k in zip(at, stride, kernel, strict=True))
        y[(slice(None), slice(None), *at)] = np.einsum(
            "ncdhw,ocdhw->no", padded[(slice(None), slice(None), *window)], weight
        )
    return y if bias is None else y + bias.reshape(-1, 1, 1, 1)


@quick
@given(st.data(), seeds, st.sampled_from(FORMS), st.booleans())
def test_convolution3d(data, seed, form, bias):
    kernel, steps, space = data.draw(small), data.draw(small), data.draw(small)
    depth, temporal_pad, pad = (
        data.draw(small),
        data.draw(st.integers(0, 1)),
        data.draw(st.integers(0, 1)),
    )
    shape = (2, 2, data.draw(st.integers(1, 5)), 4, 5)
    assume(shape[2] + 2 * temporal_pad >= depth)
    fields = f"num_output: 3 kernel_size: {kernel} kernel_depth: {depth} stride: {space} pad: {pad}"
    fields += f" temporal_stride: {steps} temporal_pad: {temporal_pad}"
    fields += f" bias_term: {str(bias).lower()}"
    net = compiled("Convolution3D", f"{form} {{ {fields} }}", [shape])
    weight, *rest = filled(net, seed)
    assert weight.shape == (3, 2, depth, kernel, kernel)
    x = numbers(seed, shape)
    stride, pads = (steps, space, space), (temporal_pad, pad, pad)
    close(outputs(net, x)[0], convolved(x, weight, rest[0] if rest else None, stride, pads))


def pooled(x, method, kernel, stride, pad):
    size = [
        int(np.ceil((n + 2 * p - k) / s)) + 1
        for n, k, s, p in zip(x.shape[2:], kernel, stride, pad, strict=True)
    ]
    y = np.zeros((*x.shape[:2], *size))
    for at in itertools.product(*(range(n) for n in size)):
        first = [a * s - p for a, s, p in zip(at, stride, pad, strict=True)]
        last = [
            min(f + k, n + p) for f, k, n, p in zip(first, kernel, x.shape[2:], pad, strict=True)
        ]
        area = np.prod([b - a for a, b in zip(first, last, strict=True)])
        window = tuple(
            slice(max(a, 0), min(b, n)) for a, b, n in zip(first, last, x.shape[2:], strict=True)
        )
        part = x[(slice(None), slice(None), *window)]
        if method == "AVE":
            y[(..., *at)] = part.sum((2, 3, 4)) / area if area else np.nan
        else:
            y[(..., *at)] = part.max((2, 3, 4)) if part.size else -np.inf
    return y


@quick
@given(st.data(), seeds, st.sampled_from(["MAX", "AVE"]), st.booleans())
def test_pooling3d(data, seed, method, old):
    kernel, depth, stride, steps = (data.draw(small) for _ in range(4))
    pad = data.draw(st.integers(0, 1)) if method == "AVE" and kernel > 1 else 0
    shape = (2, 2, *(data.draw(st.integers(3, 6)) for _ in range(3)))
    fields = f"pool: {method} kernel_size: {kernel} kernel_depth: {depth} stride: {stride} "
    fields += f"temporal_stride: {steps} pad: {pad}"
    form = "pooling_param" if old else "pooling3d_param"
    net = compiled("Pooling3D", f"{form} {{ {fields} }}", [shape])
    x = numbers(seed, shape)
    wanted = pooled(x, method, (depth, kernel, kernel), (steps, stride, stride), (0, pad, pad))
    y = outputs(net, x)[0]
    assert y.shape == wanted.shape
    # A window behind the last frame has no number of its own.
    inside = np.isfinite(wanted)
    close(y[inside], wanted[inside])


def test_gradients():
    fields = "convolution3d_param { num_output: 2 kernel_size: 2 kernel_depth: 2 }"
    net = compiled("Convolution3D", fields, [(1, 2, 3, 3, 3)])
    filled(net, 1)
    gradients_hold(net, numbers(2, (1, 2, 3, 3, 3)))
    fields = "pooling3d_param { pool: AVE kernel_size: 3 kernel_depth: 2 stride: 2 pad: 1 }"
    gradients_hold(compiled("Pooling3D", fields, [(1, 1, 3, 4, 4)]), numbers(3, (1, 1, 3, 4, 4)))


def test_the_oldest_form_reaches_them():
    text = """
        input: "x" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 9
        layers { name: "c" type: CONVOLUTION3D bottom: "x" top: "y"
                 convolution_param { num_output: 2 kernel_size: 3 kernel_depth: 3 } }
    """
    (problem,) = protonet.check(text)
    assert "it takes 5 axes (n, c, length, h, w), not 1x3x9x9" in problem.message


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("Convolution3D", "convolution3d_param { num_output: 2 kernel_size: 3 }"),
        ("Convolution3D", "convolution_param { kernel_size: 3 kernel_depth: 3 }"),
        ("Convolution3D", "convolution3d_param { num_output: 2 kernel_size: 9 kernel_depth: 3 }"),
        ("Pooling3D", "pooling3d_param { kernel_size: 2 }"),
        ("Pooling3D", "pooling3d_param { kernel_size: 2 kernel_depth: 2 pad: 1 }"),
        ("Pooling3D", "pooling3d_param { kernel_size: 2 kernel_depth: 2 pool: STOCHASTIC }"),
        ("Pooling3D", "pooling3d_param { kernel_size: 9 kernel_depth: 2 }"),
    ],
)
def test_refusals_name_the_layer(kind, fields):
    with pytest.raises(NetError, match="layer 'l'"):
        compiled(kind, fields, [(1, 2, 4, 5, 5)])
