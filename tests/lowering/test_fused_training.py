"""BatchNorm and Scale in one step, ReLU in place: where they are, and the numbers of numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet

NORM = 'layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" }'
SCALE = 'layer { name: "scale" type: "Scale" bottom: "y" top: "y" scale_param { bias_term: true } }'
SHAPE = (4, 3, 5, 2)


def emitted(text, phase="TRAIN", **options):
    return protonet.emit(f'input: "x" {text}', phase=phase, shapes={"x": SHAPE}, **options)


def compiled(text, phase="TRAIN"):
    net = protonet.compile(f'input: "x" {text}', phase=phase, outputs=["y"], shapes={"x": SHAPE})
    return net.double()


def by_channel(values):
    return values.reshape(1, -1, 1, 1)


@pytest.mark.parametrize("bias", [True, False])
def test_the_pair_has_caffes_statistics_and_gradients(bias):
    net = compiled(NORM + SCALE.replace("true", str(bias).lower()))
    draw = np.random.default_rng(3)
    weight, shift = draw.normal(size=3), draw.normal(size=3) * bias
    given = {"scale": [weight, shift][: 1 + bias]}
    protonet.load_weights(net, {name: [b.astype("f4") for b in own] for name, own in given.items()})
    weight, shift = weight.astype("f4").astype("f8"), shift.astype("f4").astype("f8")
    expected = [np.zeros(3), np.zeros(3), np.zeros(1)]
    count = SHAPE[0] * SHAPE[2] * SHAPE[3]
    for _ in range(2):
        x, top = draw.normal(size=SHAPE) * 3 + 1, draw.normal(size=SHAPE)
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        root = np.sqrt(by_channel(variance) + 1e-5)
        hat = (x - by_channel(mean)) / root
        given = torch.tensor(x, requires_grad=True)
        y = net(given)["y"]
        net.zero_grad()
        y.backward(torch.tensor(top))
        np.testing.assert_allclose(
            y.detach(), hat * by_channel(weight) + by_channel(shift), rtol=1e-9, atol=1e-9
        )
        inner = top * by_channel(weight)
        along = by_channel((inner * hat).mean((0, 2, 3)))
        down = (inner - by_channel(inner.mean((0, 2, 3))) - hat * along) / root
        np.testing.assert_allclose(given.grad, down, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(net.bn.weight.grad, (top * hat).sum((0, 2, 3)), rtol=1e-9)
        if bias:
            np.testing.assert_allclose(net.bn.bias.grad, top.sum((0, 2, 3)), rtol=1e-9)
        batch = (mean, variance * count / (count - 1), np.ones(1))
        expected = [0.999 * old + new for old, new in zip(expected, batch, strict=True)]
    blobs = protonet.dump_blobs(net)
    assert [blob.shape for blob in blobs["bn"]] == [(3,), (3,), (1,)]
    assert [blob.shape for blob in blobs["scale"]] == [(3,)] * (1 + bias)
    for blob, values in zip(blobs["bn"], expected, strict=True):
        np.testing.assert_allclose(blob, values, rtol=1e-6)


def test_a_batch_of_one_value_a_channel_is_the_shift():
    shapes = {"x": (1, 3, 1, 1)}
    net = protonet.compile(f'input: "x" {NORM}{SCALE}', "TRAIN", outputs=["y"], shapes=shapes)
    protonet.load_weights(net, {"scale": [np.full(3, 2, "f4"), np.arange(3, dtype="f4")]})
    x = torch.randn(1, 3, 1, 1, requires_grad=True)
    y = net(x)["y"]
    y.sum().backward()
    assert y.flatten().tolist() == [0, 1, 2]
    assert not x.grad.any()
    assert net.bn.bias.grad.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(net.bn.mean, x.detach().flatten())


def test_a_training_net_writes_one_module_and_the_faithful_one_two():
    assert "self.bn = BatchNorm(3, affine=True)" in emitted(NORM + SCALE)
    assert "ScaleBias" not in emitted(NORM + SCALE)
    assert "y = self.scale(self.bn(x))" not in emitted(NORM + SCALE)
    assert "self.scale = ScaleBias(3)" in emitted(NORM + SCALE, faithful=True)


@pytest.mark.parametrize(
    "text",
    [
        NORM + SCALE.replace('top: "y"', 'top: "z"'),
        NORM + SCALE.replace("bias_term: true", "axis: 2"),
        NORM + SCALE.replace("scale_param", 'param { name: "w" } scale_param'),
        NORM + SCALE.replace("scale_param", "propagate_down: false scale_param"),
    ],
)
def test_what_is_more_than_a_scale_by_channel_stays_apart(text):
    assert "affine=True" not in emitted(text)


CONV = (
    'layer { name: "conv" type: "Convolution" bottom: "x" top: "c" '
    "convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }"
)
WEIGHED = CONV.replace('top: "c"', 'top: "c" loss_weight: 1')
RELU = 'layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }'
OTHER = 'layer { name: "other" type: "Power" bottom: "c" top: "d" }'
POOL = CONV + (
    'layer { name: "pool" type: "Pooling" bottom: "c" top: "p" pooling_param { kernel_size: 2 } }'
)


def test_a_relu_of_a_training_net_is_in_place():
    assert "F.relu(self.conv(x), inplace=True)" in emitted(CONV + RELU)
    assert "inplace" not in emitted(CONV + RELU, phase="TEST")
    assert "inplace" not in emitted(CONV + RELU, faithful=True)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (RELU.replace('bottom: "c"', 'bottom: "x"'), {}),
        (CONV + RELU.replace('top: "c"', 'top: "r"') + OTHER, {}),
        (CONV + RELU.replace('top: "c"', 'top: "r"'), {"outputs": ["c", "r"]}),
        (POOL + RELU.replace('"c"', '"p"'), {}),
        (
            CONV.replace('top: "c"', 'top: "c" loss_weight: 1')
            + RELU.replace(' top: "c"', ' top: "r"'),
            {},
        ),
    ],
)
def test_a_relu_spares_what_something_else_needs(text, options):
    assert "inplace" not in emitted(text, **options)
