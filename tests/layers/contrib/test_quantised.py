"""Half-wave quantisation and layers of signs, against numpy: values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet
from protonet.diagnostics import NetError

HEAD = 'input: "x" input_shape {{ {} }} '


def made(body, *shape):
    dims = " ".join(f"dim: {n}" for n in shape)
    return protonet.compile(HEAD.format(dims) + body, phase="TRAIN")


def test_the_nearest_center_and_the_gradient_of_relu():
    net = made(
        'layer { name: "q" type: "Quant" bottom: "x" top: "y" quant_param { clip_thr: 1.614 '
        "negative_slope: 0.25 centers: 0.538 centers: 1.076 centers: 1.614 } }",
        *(4, 50),
    )
    x = np.random.default_rng(0).normal(0, 1.5, (4, 50)).astype(np.float32)
    x[0, :4] = 0, 0.807, 1.614, 9
    given = torch.from_numpy(x).requires_grad_()
    y = net(given)
    centers = np.array([0.538, 1.076, 1.614], np.float32)
    right = centers[np.abs(x[..., None] - centers).argmin(-1)]
    np.testing.assert_array_equal(y.detach().numpy(), np.where(x > 0, right, np.float32(-0.25)))
    weight = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    y.backward(torch.from_numpy(weight))
    slope = np.where(x > 0, 1, 0.25) * (x <= np.float32(1.614))
    np.testing.assert_allclose(given.grad.numpy(), weight * slope, rtol=1e-6)


def test_signs_with_the_gradient_of_hard_tanh():
    net = made(
        'layer { name: "q" type: "Quant" bottom: "x" top: "y" '
        'quant_param { forward_func: "sign" backward_func: "hard_tanh" clip_thr: 1 } }',
        *(1, 6),
    )
    x = torch.tensor([[-2.0, -1.0, -0.5, 0.0, 1.0, 1.5]], requires_grad=True)
    y = net(x)
    y.sum().backward()
    assert y.tolist() == [[-1, -1, -1, 1, 1, 1]]
    assert x.grad.tolist() == [[0, 1, 1, 1, 1, 0]]


@pytest.mark.parametrize("alpha", [False, True])
def test_filters_and_rows_of_signs(alpha):
    use = f"use_alpha: {str(alpha).lower()}"
    net = made(
        'layer { name: "conv" type: "BinaryConvolution" bottom: "x" top: "c" '
        "convolution_param { num_output: 4 kernel_size: 3 group: 2 weight_filler "
        '{ type: "gaussian" } bias_filler { type: "gaussian" } } '
        f"binary_convolution_param {{ {use} }} }} "
        'layer { name: "fc" type: "BinaryInnerProduct" bottom: "c" top: "y" inner_product_param '
        f'{{ num_output: 5 weight_filler {{ type: "gaussian" }} }} '
        f"binary_inner_product_param {{ {use} }} }}",
        *(2, 4, 5, 5),
    )
    weights = {k: v.detach().numpy().astype(np.float64) for k, v in net.named_parameters()}
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 5))
    given = torch.from_numpy(x.astype(np.float32))
    y = net(given)

    def signs(w):
        size = np.abs(w).reshape(len(w), -1).mean(1) if alpha else np.ones(len(w))
        return np.where(w >= 0, 1, -1) * size.reshape(-1, *[1] * (w.ndim - 1))

    filters = signs(weights["conv.weight"])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    halves = windows.reshape(2, 2, 2, 3, 3, 3, 3)
    conv = np.einsum("ngchwij,gocij->ngohw", halves, filters.reshape(2, 2, 2, 3, 3))
    conv = conv.reshape(2, 4, 3, 3) + weights["conv.bias"].reshape(1, -1, 1, 1)
    right = conv.reshape(2, -1) @ signs(weights["fc.weight"]).T + weights["fc.bias"]
    np.testing.assert_allclose(y.detach().numpy(), right, rtol=1e-4, atol=1e-5)
    y.sum().backward()  # a matrix has the gradient that its signs have
    rows = np.broadcast_to(conv.reshape(2, -1).sum(0), (5, 36))
    np.testing.assert_allclose(net.fc.weight.grad.numpy(), rows, rtol=1e-4, atol=1e-5)
    back = signs(weights["fc.weight"]).sum(0).reshape(2, 2, 3, 3)
    own = np.einsum("ngchwij,gohw->gocij", halves, back).reshape(4, 2, 3, 3)
    np.testing.assert_allclose(net.conv.weight.grad.numpy(), own, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("", "centers are positive and rise, they are missing"),
        ("centers: 1 centers: 0.5", r"they are \[1.0, 0.5\]"),
        ('forward_func: "round"', "forward_func 'round' is not known"),
    ],
)
def test_what_is_no_quantisation_is_refused(fields, said):
    with pytest.raises(NetError, match=said):
        made(
            f'layer {{ name: "q" type: "Quant" bottom: "x" top: "y" quant_param {{ {fields} }} }}',
            *(1, 2),
        )
