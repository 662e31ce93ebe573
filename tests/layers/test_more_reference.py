"""Layers over randomised fields against numpy: states, randomness, edges of no length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_reference import close, compiled, filled, numbers, outputs, quick, seeds

import protonet
from protonet import NetError
from protonet.api import graph
from protonet.layers import REGISTRY

# Held elsewhere: by files (data layers), by the user's class, by nothing that it computes.
ELSEWHERE = {
    "AnnotatedData", "Data", "HDF5Data", "HDF5Output", "ImageData", "Input", "MemoryData",
    "Python", "WindowData", "DummyData", "YoloAnnotatedData", "BatchNormScale",
}  # fmt: skip


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@quick
@given(seeds, st.booleans(), st.booleans(), st.integers(1, 3))
@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_recurrent_with_a_static_input_and_states_given(kind, seed, static, exposed, streams):
    x, units = numbers(seed, (3, streams, 2, 2)), 3
    keep = np.random.default_rng(seed).integers(0, 2, (3, streams)).astype(float)
    more = [numbers(seed + 1, (streams, 5))] if static else []
    states = [numbers(seed + 2 + i, (1, streams, units)) for i in range(1 + (kind == "LSTM"))]
    given_ = [x, keep, *more, *(states if exposed else [])]
    fields = f"recurrent_param {{ num_output: {units} expose_hidden: {str(exposed).lower()} }}"
    net = compiled(kind, fields, [a.shape for a in given_], 1 + exposed * len(states))
    weight, bias, *rest = filled(net, seed)
    inputs = x.reshape(3, streams, -1) @ weight.T + bias
    inputs = inputs + more[0] @ rest.pop(0).T if static else inputs
    h, c = (s[0] if exposed else np.zeros((streams, units)) for s in (states[0], states[-1]))
    steps = []
    for t in range(3):
        k = keep[t][:, None]
        z = inputs[t] + (k * h) @ rest[0].T
        if kind == "RNN":
            h = np.tanh(z)
            steps.append(np.tanh(h @ rest[1].T + rest[2]))
            continue
        i, f, o = (sigmoid(g) for g in np.split(z[:, : 3 * units], 3, axis=1))
        c = k * f * c + i * np.tanh(z[:, 3 * units :])
        h = o * np.tanh(c)
        steps.append(h)
    after = [h[None], c[None]][: len(states)] if exposed else []
    for actual, wanted in zip(outputs(net, *given_), [np.stack(steps), *after], strict=True):
        close(actual, wanted)


@quick
@given(seeds, st.sampled_from([0.25, 0.5, 0.75]), st.integers(1, 5))
def test_dropout_scales_what_it_keeps(seed, ratio, axes):
    x = np.abs(numbers(seed, (7, 5, 3, 2, 2)[:axes])) + 0.1
    fields = f"dropout_param {{ dropout_ratio: {ratio} }}"
    close(outputs(compiled("Dropout", fields, [x.shape]), x)[0], x)
    torch.manual_seed(seed)
    kept = outputs(compiled("Dropout", fields, [x.shape], phase="TRAIN"), x)[0] / x
    assert (np.isclose(kept, 0) | np.isclose(kept, 1 / (1 - ratio))).all()


@quick
@given(seeds, st.integers(1, 5))
def test_split_silence_and_parameter(seed, axes):
    shape = tuple(int(n) for n in np.random.default_rng(seed).integers(1, 4, axes))
    x = numbers(seed, shape)
    for y in outputs(compiled("Split", "", [shape], 3), x):
        close(y, x)
    assert outputs(compiled("Silence", "", [shape, shape], 0), x, x) == []
    dims = " ".join(f"dim: {n}" for n in shape)
    net = compiled("Parameter", f"parameter_param {{ shape {{ {dims} }} }}", [])
    (weight,) = filled(net, seed)
    close(outputs(net)[0], weight)


@quick
@given(seeds, st.integers(1, 3))
def test_spp_gives_the_gradient_to_the_first_of_equal_elements(seed, height):
    x = np.random.default_rng(seed).integers(0, 3, (2, 2, 8, 4)).astype(float)
    given_ = torch.from_numpy(x).requires_grad_()
    net = compiled("SPP", f"spp_param {{ pyramid_height: {height} }}", [x.shape])
    net(given_)["t0"].sum().backward()
    wanted = np.zeros_like(x)
    for level in range(height):
        bins = 2**level
        tall, wide = 8 // bins, 4 // bins
        for n, c, i, j in np.ndindex(2, 2, bins, bins):
            window = x[n, c, i * tall : (i + 1) * tall, j * wide : (j + 1) * wide]
            a, b = np.unravel_index(window.argmax(), window.shape)
            wanted[n, c, i * tall + a, j * wide + b] += 1
    close(given_.grad.numpy(), wanted)


def test_the_last_top_of_a_slice_may_be_empty():
    fields = "slice_param { axis: 1 slice_point: 1 slice_point: 3 }"
    x = numbers(0, (2, 3))
    a, b, c = outputs(compiled("Slice", fields, [x.shape], 3), x)
    close(a, x[:, :1])
    close(b, x[:, 1:])
    assert c.shape == (2, 0)
    with pytest.raises(NetError, match="3 tops are more than the 2 of the axis"):
        compiled("Slice", "slice_param { slice_point: 1 slice_point: 2 }", [(1, 2)], 3)


EMPTY = {"LSTM", "RNN", "LSTMUnit", "Bias", "InfogainLoss", "Reshape"}
BATCHES = sorted(
    name
    for name, cls in REGISTRY.items()
    if name == cls.type and not cls.is_loss and name not in ELSEWHERE | EMPTY
    if cls.__module__.count(".") == 2 and cls.examples[0].inputs and name != "Accuracy"
)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_none(name):
    example = REGISTRY[name].examples[0]
    text = ""
    for blob, shape in example.inputs.items():
        dims = " ".join(f"dim: {n}" for n in (0, *shape[1:]))
        text += f'layer {{ name: "in_{blob}" type: "Input" top: "{blob}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    net = graph(text + example.prototxt)
    module = protonet.compile(text + example.prototxt, outputs=list(net.blobs))
    given_ = module(*(torch.ones(value.shape) for value in net.inputs))
    shapes = {blob: value.shape for blob, value in net.blobs.items()}
    assert {blob: tuple(value.shape) for blob, value in given_.items()} == shapes


def test_a_dim_that_nothing_tells():
    fields = "reshape_param { shape { dim: 0 dim: -1 } }"
    with pytest.raises(NetError, match="dim -1 can't be told"):
        compiled("Reshape", fields, [(0, 3)])


def test_every_layer_of_bvlc_is_held_against_numpy():
    tested = "".join(p.read_text() for p in Path(__file__).parent.glob("*reference.py"))
    types = {name for name, cls in REGISTRY.items() if cls.__module__.count(".") == 2}
    aliases = {"DepthwiseConvolution", "ConvolutionDepthwise"}
    assert not {t for t in types - ELSEWHERE - aliases if f'"{t}"' not in tested}
