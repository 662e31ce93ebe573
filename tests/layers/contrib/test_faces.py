"""The face nets' layers: CenterLoss, MarginInnerProduct, InnerDistance; and L1Loss, Flip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet import NetError

seeds = st.integers(0, 2**16)
TYPES = ["SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE"]


@quick
@given(seeds, st.sampled_from(["L1", "L2"]), st.sampled_from([1.0, 0.25]))
def test_center_loss(seed, kind, loss_weight):
    fields = f'center_loss_param {{ num_output: 4 distance_type: "{kind}" }}'
    text = text_of("CenterLoss", f"{fields} loss_weight: {loss_weight}", [(5, 3), (5,)])
    net = protonet.compile(text, phase="TRAIN").double()
    (centers,) = filled(net, seed)
    x, labels = numbers(seed, (5, 3)), np.random.default_rng(seed).integers(0, 4, 5)
    total, slope, pull = 0.0, np.zeros_like(x), np.zeros_like(centers)
    members = np.zeros(4)
    for i, label in enumerate(labels):
        apart = x[i] - centers[label]
        total += (apart**2).sum() / 2 if kind == "L2" else np.abs(apart).sum()
        slope[i] = apart if kind == "L2" else np.sign(apart)
        pull[label] -= slope[i]
        members[label] += 1
    given_x = torch.from_numpy(x).requires_grad_(True)
    result = net(given_x, torch.from_numpy(labels).double())
    result["objective"].backward()
    close(result["t0"].detach().numpy(), total / 5)
    close(given_x.grad.numpy(), loss_weight * slope / 5)
    # The centres' gradient does not depend on the loss's weight.
    close(net.l.centers.grad.numpy(), pull / (members[:, None] + 1))


def margin(kind, c):
    """psi and its gradient's factors on w and on x / |x|, as the fork's C++ spells them."""
    s0 = np.sign(c)
    if kind == "DOUBLE":
        return 2 * s0 * c**2 - 1, 4 * s0 * c, -(2 * s0 * c**2 + 1)
    if kind == "TRIPLE":
        s1 = np.sign(abs(c) - 0.5)
        s2 = s0 * (1 + s1) - 2
        value = s1 * (4 * c**3 - 3 * c) + s2
        return value, s1 * (12 * c**2 - 3), -(8 * s1 * c**3 - s2)
    s3 = s0 * np.sign(2 * c**2 - 1)
    s4 = 2 * s0 + s3 - 3
    value = s3 * (8 * c**4 - 8 * c**2 + 1) + s4
    return value, s3 * (32 * c**3 - 16 * c), -(s3 * (24 * c**4 - 8 * c**2 - 1) - s4)


@quick
@given(seeds, st.sampled_from(TYPES), st.sampled_from([0.0, 5.0]))
def test_margin_inner_product(seed, kind, lambda_min):
    fields = f"num_output: 4 type: {kind} base: 8 gamma: 0.5 power: 2 lambda_min: {lambda_min}"
    shapes = [(5, 3), (5,)]
    net = compiled(
        "MarginInnerProduct",
        f"margin_inner_product_param {{ {fields} iteration: 2 }}",
        shapes,
        2,
        phase="TRAIN",
    )
    (weight,) = filled(net, seed)
    rows = weight / np.linalg.norm(weight, axis=1, keepdims=True)
    x, labels = numbers(seed, (5, 3)), np.random.default_rng(seed).integers(0, 4, 5)
    for step in (3, 4):
        share = max(8 * (1 + 0.5 * step) ** -2, lambda_min)
        down = numbers(seed + step, (5, 4))
        wanted, slope = x @ rows.T, down @ rows
        for i, label in enumerate(labels if kind != "SINGLE" else []):
            length, row = np.linalg.norm(x[i]), rows[label]
            psi, on_w, on_x = margin(kind, x[i] @ row / length)
            wanted[i, label] = (length * psi + share * (x[i] @ row)) / (1 + share)
            on_x /= length
            pull = (on_w * row + on_x * x[i]) / np.hypot(on_w, on_x)
            slope[i] += down[i, label] * ((pull + share * row) / (1 + share) - row)
        given_x = torch.from_numpy(x).requires_grad_(True)
        net.zero_grad()
        result = net(given_x, torch.from_numpy(labels).double())
        result["t0"].backward(torch.from_numpy(down))
        close(result["t0"].detach().numpy(), wanted, rtol=1e-5)
        close(result["t1"].detach().numpy(), np.array([share]), rtol=1e-5)
        close(given_x.grad.numpy(), slope, rtol=1e-5)
        close(net.l.weight.grad.numpy(), down.T @ x, rtol=1e-5)
        close(net.l.weight.detach().numpy(), rows)
    net.eval()
    close(outputs(net, x, labels)[1], np.array([share]), rtol=1e-5)


@quick
@given(seeds, st.sampled_from(["L1", "L2"]))
def test_inner_distance(seed, kind):
    fields = f'inner_distance_param {{ num_output: 3 distance_type: "{kind}" }}'
    net = compiled("InnerDistance", fields, [(2, 2, 2)])
    (weight,) = filled(net, seed)
    x = numbers(seed, (2, 2, 2))
    wanted = np.zeros((2, 3))
    for m in range(2):
        for n in range(3):
            apart = x[m].ravel() - weight[n]
            wanted[m, n] = (apart**2).sum() if kind == "L2" else np.abs(apart).sum()
    close(outputs(net, x)[0], wanted)
    gradients_hold(net, x)


def test_l1_loss():
    x, target = numbers(1, (4, 3, 2)), numbers(2, (4, 3, 2))
    net = compiled("L1Loss", "", [x.shape, target.shape])
    close(outputs(net, x, target)[0], np.abs(x - target).sum() / 4)
    gradients_hold(net, x, target, bottoms=(0, 1))


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("high", [True, False])
def test_flip(wide, high):
    x = numbers(1, (2, 3, 4, 5))
    fields = f"flip_width: {str(wide).lower()} flip_height: {str(high).lower()}"
    wanted = x[:, :, ::-1] if high else x
    wanted = wanted[..., ::-1] if wide else wanted
    close(outputs(compiled("Flip", f"flip_param {{ {fields} }}", [x.shape]), x)[0], wanted)


def test_spatial_dropout_drops_channels():
    net = compiled(
        "SpatialDropout",
        "spatial_dropout_param { dropout_ratio: 0.25 }",
        [(100, 100, 2, 2)],
        phase="TRAIN",
    )
    torch.manual_seed(1)
    y = outputs(net, np.ones((100, 100, 2, 2)))[0].reshape(10000, 4)
    assert all(len(set(row)) == 1 for row in y)
    close(y[y != 0], np.full((y != 0).sum(), 1 / 0.75))
    # 1e4 channels: within five standard errors.
    assert abs((y[:, 0] == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1e4)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes"),
    [
        ("CenterLoss", "center_loss_param { }", [(5, 3), (5,)]),
        ("CenterLoss", "center_loss_param { num_output: 3 }", [(5, 3), (4,)]),
        ("MarginInnerProduct", "margin_inner_product_param { }", [(5, 3), (5,)]),
        ("InnerDistance", "inner_distance_param { num_output: 3 transpose: true }", [(5, 3)]),
        ("L1Loss", "l1_loss_param { epsilon: 0.1 }", [(5,), (5,)]),
        ("L1Loss", "", [(5, 3), (5, 2)]),
        ("Flip", "", [(5, 3)]),
    ],
)
def test_refusals_name_the_layer(kind, fields, shapes):
    with pytest.raises(NetError, match="layer 'l'"):
        compiled(kind, fields, shapes)


@quick
@given(seeds, st.sampled_from([(3, 2), (2, 3, 4), (2, 3, 4, 5)]), st.booleans())
def test_channel_scale(seed, shape, flat):
    scale_shape = (shape[0], *shape[2:]) if flat else (shape[0], 1, *shape[2:])
    x, scale = numbers(seed, shape), numbers(seed + 1, scale_shape)
    wanted = np.stack([x[:, c] * scale.reshape(x[:, 0].shape) for c in range(shape[1])], 1)
    net = compiled("ChannelScale", "", [shape, scale_shape])
    close(outputs(net, x, scale)[0], wanted)
    gradients_hold(net, x, scale, bottoms=(0, 1))


@quick
@given(seeds, st.sampled_from([1.0, 2.0]), st.booleans())
def test_hotspot(seed, deviation, centred):
    points = numbers(seed, (2, 4)) * 10 + (0 if centred else 20)
    fields = "data_height: 40 data_width: 50 output_height: 6 output_width: 9 "
    fields += f"gaussian_std: {deviation} mean_removed: {str(centred).lower()}"
    wanted = np.zeros((2, 2, 6, 9))
    for n, k, i, j in np.ndindex(wanted.shape):
        x = (points[n, 2 * k] / 50 + (0.5 if centred else 0)) * 9
        y = (points[n, 2 * k + 1] / 40 + (0.5 if centred else 0)) * 6
        value = np.exp(-0.5 * ((x - j) ** 2 + (y - i) ** 2) / deviation**2)
        value *= 0.5 / deviation**2 / np.pi
        wanted[n, k, i, j] = value if value > 1e-4 else 0
    close(
        outputs(compiled("Hotspot", f"hotspot_param {{ {fields} }}", [(2, 4)]), points)[0], wanted
    )
