"""What Caffe computes at the edges: nothing to add, one value a channel, scores of infinity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_reference import compiled

from protonet import NetError

INF = float("inf")


def gradient(net, x, *more):
    """The one output of a net and the gradient of its sum in the first input."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    (value,) = net(x, *(torch.as_tensor(m, dtype=torch.float64) for m in more)).values()
    value.sum().backward()
    return value.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("mode", ["FULL", "VALID", "BATCH_SIZE", "NONE"])
@pytest.mark.parametrize("ignore", ["", "ignore_label: 1"])
@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("SoftmaxWithLoss", [(0, 5), (0,)]),
        ("SigmoidCrossEntropyLoss", [(0, 5), (0, 5)]),
        ("InfogainLoss", [(0, 5), (0,), (1, 1, 5, 5)]),
    ],
)
def test_a_loss_over_nothing_is_zero(kind, shapes, mode, ignore):
    """LossLayer::GetNormalizer divides by at least one."""
    net = compiled(kind, f"loss_param {{ normalization: {mode} {ignore} }}", shapes)
    value, _ = gradient(net, *(np.zeros(shape) for shape in shapes))
    assert value == 0


def test_a_label_whose_score_is_minus_infinity():
    """Its probability is 0, which counts as the smallest float; the other rows are as ever."""
    net = compiled("SoftmaxWithLoss", "", [(3, 3), (3,)])
    x = np.array([[-INF, 0, 1], [0.5, -1, 2], [-INF, 1, 3]])
    value, grad = gradient(net, x, [0, 2, 1])
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    own = np.maximum(p[[0, 1, 2], [0, 2, 1]], np.finfo(np.float32).tiny)
    np.testing.assert_allclose(value, -np.log(own).mean(), rtol=1e-6)
    wanted = p.copy()
    wanted[[0, 1, 2], [0, 2, 1]] -= 1  # SoftmaxWithLossLayer::Backward_cpu
    np.testing.assert_allclose(grad, wanted / 3, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
@pytest.mark.parametrize("fields", ["", "scale_bias: true"])
def test_batch_norm_of_one_value_a_channel(shape, fields):
    """It is its own mean: no deviation, no gradient. The variance 0 is multiplied by 1."""
    net = compiled("BatchNorm", f"batch_norm_param {{ {fields} }}", [shape], phase="TRAIN").train()
    x = np.random.default_rng(0).normal(size=shape)
    value, grad = gradient(net, x)
    np.testing.assert_array_equal(value, np.zeros(shape))
    np.testing.assert_array_equal(grad, np.zeros(shape))
    np.testing.assert_allclose(net.l.mean / net.l.factor, x.ravel())
    np.testing.assert_array_equal(net.l.variance, np.zeros(3))


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3)])
def test_a_recurrent_layer_takes_at_least_a_step(kind, shape):
    """Caffe unrolls the steps into layers, and takes memory of no length for a mistake."""
    with pytest.raises(NetError, match="at least one step of at least one stream"):
        compiled(kind, "recurrent_param { num_output: 4 }", [shape, shape[:2]])


@pytest.mark.parametrize("pool", ["kernel_size: 3 pad: 1", "global_pooling: true"])
def test_there_is_nothing_to_pool_in_an_image_of_no_size(pool):
    with pytest.raises(NetError, match="does not fit into 0x0"):
        compiled("Pooling", f"pooling_param {{ {pool} }}", [(2, 3, 0, 0)])


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("InnerProduct", 'inner_product_param { num_output: 4 weight_filler { type: "xavier" } }'),
        ("Convolution", "convolution_param { num_output: 4 kernel_size: 1 }"),
        ("Deconvolution", "convolution_param { num_output: 4 kernel_size: 1 }"),
        ("PReLU", ""),
    ],
)
def test_a_filler_needs_elements(kind, fields):
    """Every Fill of Caffe's begins with CHECK(blob->count())."""
    with pytest.raises(NetError, match="without elements"):
        compiled(kind, fields, [(2, 0, 1, 1)])


@pytest.mark.parametrize(
    ("kind", "fields", "top"),
    [
        ("Pooling", "pooling_param { kernel_size: 2 }", (2, 0, 3, 3)),
        ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 }", (2, 0, 2, 2)),
        ("SPP", "spp_param { pyramid_height: 2 }", (2, 0)),
        ("Im2col", "convolution_param { kernel_size: 2 }", (2, 0, 3, 3)),
        ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL }", (2, 0, 4, 4)),
    ],
)
def test_items_of_no_channels_have_nothing_to_compute(kind, fields, top):
    """The loops of Caffe's layer run over nothing, and its top has its shape."""
    assert compiled(kind, fields, [(2, 0, 4, 4)])(torch.zeros(2, 0, 4, 4))["t0"].shape == top
