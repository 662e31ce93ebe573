"""Forks' layers of a few lines: what they compute, from numpy, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet import NetError

few = pytest.mark.parametrize("seed", range(3))


def test_gradient_scaler_keeps_the_numbers_and_scales_their_gradient():
    net = compiled("GradientScaler", "gradient_scaler_param { scale_factor: -0.25 }", [(2, 3)])
    x = torch.from_numpy(numbers(1, (2, 3))).requires_grad_(True)
    (y,) = net(x).values()
    assert torch.equal(y, x)
    (y * torch.arange(6.0).view(2, 3)).sum().backward()
    close(x.grad.numpy(), -0.25 * np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("need", [0.0, 1.0, -2.0])
def test_gradient_silent(need):
    net = compiled("GradientSilent", "", [(2, 3), (1,)])
    x = torch.from_numpy(numbers(1, (2, 3))).requires_grad_(True)
    (y,) = net(x, torch.tensor([need], dtype=torch.float64)).values()
    assert torch.equal(y, x)
    y.sum().backward()
    assert (x.grad == (need != 0)).all()


@few
def test_triplet_loss(seed):
    a, p, n = (numbers(seed + i, (5, 2, 3)) for i in range(3))
    wanted = 0.0
    for i in range(5):
        wanted += max(0, 2 + ((a[i] - p[i]) ** 2).sum() - ((a[i] - n[i]) ** 2).sum()) / 10
    net = compiled("TripletLoss", "threshold_param { threshold: 2 }", [a.shape] * 3)
    close(outputs(net, a, p, n)[0], wanted)
    gradients_hold(net, a, p, n, bottoms=(0, 1, 2))


def test_strip_decimals_sends_nothing_down():
    net = compiled("StripDecimals", "", [(2, 3)])
    x = numbers(1, (2, 3)) * 3
    close(outputs(net, x)[0], [[int(v) for v in row] for row in x])
    given = torch.from_numpy(x).requires_grad_(True)
    (y,) = net(given).values()
    y.sum().backward()
    assert not given.grad.any()


@few
def test_sparse_hypercolumns(seed):
    at = np.random.default_rng(seed).uniform(-3, 20, (2, 5, 2))
    maps = [numbers(seed, (2, 3, 8, 7)), numbers(seed + 1, (2, 2, 4, 4))]
    fields = [(2.0, 0.0, 0.5, 1.0), (4.0, 0.5, 0.0, 3.0)]
    wanted = np.zeros((10, 5))
    for n in range(2):
        for k in range(5):
            row = []
            for x, (scale, top, left, times) in zip(maps, fields, strict=True):
                y = min(max((at[n, k, 0] - top) / scale, 0), x.shape[2] - 1.0001)
                z = min(max((at[n, k, 1] - left) / scale, 0), x.shape[3] - 1.0001)
                i, j = int(y), int(z)
                part = x[n, :, i, j] * (i + 1 - y) * (j + 1 - z)
                part = part + x[n, :, i + 1, j] * (y - i) * (j + 1 - z)
                part = part + x[n, :, i, j + 1] * (i + 1 - y) * (z - j)
                row.extend(times * (part + x[n, :, i + 1, j + 1] * (y - i) * (z - j)))
            wanted[n * 5 + k] = row
    text = "sparse_hypercolumn_extractor_param { scale: [2, 4] offset_height: [0, 0.5] "
    text += "offset_width: [0.5, 0] activation_mult: [1, 3] }"
    net = compiled("SparseHypercolumnExtractor", text, [at.shape, *(x.shape for x in maps)])
    close(outputs(net, at, *maps)[0], wanted)
    gradients_hold(net, at[:, :2], *(x[:, :1, :3, :3] for x in maps), bottoms=(1, 2))


@pytest.mark.parametrize("rest", [(), (2, 3)])
def test_mask_outputs(rest):
    x, label = numbers(1, (4, 6, *rest)), np.array([2.0, 0.0, 1.0, 2.0])
    wanted = np.stack([x[i, int(c) * 2 : int(c) * 2 + 2] for i, c in enumerate(label)])
    net = compiled("MaskOutputs", "mask_outputs_param { kernel_size: 2 }", [x.shape, (4,)])
    close(outputs(net, x, label)[0], wanted.reshape(4, 2, *(rest or (1, 1))))
    gradients_hold(net, x, label)


def test_old_nets_have_the_types_of_viewpoints():
    layer = "bottom: 'b0' bottom: 'b1' top: 'y' name: 'l'"
    shapes = "input: 'b0' input_dim: [2, 6, 1, 1] input: 'b1' input_dim: [2, 6, 1, 1] "
    masks = f"layers {{ {layer} type: MASK_OUTPUTS mask_outputs_param {{ kernel_size: 3 }} }}"
    assert protonet.compile(shapes + masks)(torch.rand(2, 6, 1, 1), torch.zeros(2, 6, 1, 1)).shape
    loss = f"layers {{ {layer} type: EUCLIDEAN_WEIGHTED_LOSS }}"
    assert protonet.check(shapes + loss) == []
    tops = " ".join(f"top: 't{i}'" for i in range(8))
    window = "window_data_param { source: 'w' batch_size: 4 } transform_param { crop_size: 8 }"
    data = f"layers {{ name: 'd' {tops} type: WINDOW_POSE_DATA {window} }}"
    net = protonet.compile(data, outputs=["t7"])
    assert net is not None


@few
def test_weighted_squares(seed):
    x, t, w = (numbers(seed + i, (4, 3)) for i in range(3))
    net = compiled("EuclideanWeightedLoss", "euclidean_weight_param { lambda: 3 }", [x.shape] * 2)
    close(outputs(net, x, t)[0], (((x - t) ** 2).sum() + 3 * (((x - t) * t) ** 2).sum()) / 8)
    gradients_hold(net, x, t)
    net = compiled("WeightedEuclideanLoss", "", [x.shape, (4, 3, 1, 1), (4, 3, 1, 1)])
    more = t[..., None, None], w[..., None, None]
    close(outputs(net, x, *more)[0], (w * (x - t) ** 2).sum() / 8)
    gradients_hold(net, x, *more, bottoms=(0, 1, 2))


def test_tiling():
    x = numbers(1, (2, 12, 2, 3))
    wanted = np.zeros((2, 3, 4, 6))
    for n, c, y, z, a, b in np.ndindex(2, 3, 2, 3, 2, 2):
        wanted[n, c, 2 * y + a, 2 * z + b] = x[n, 4 * c + 2 * a + b, y, z]
    close(outputs(compiled("Tiling", "tiling_param { tile_dim: 2 }", [x.shape]), x)[0], wanted)


@pytest.mark.parametrize("size", [(7, 8), (2, 3), (1, 5)])
def test_grid_pooling(size):
    x = numbers(1, (2, 2, *size))
    wanted = np.zeros((2, 2, 3, 2))
    for i, j in np.ndindex(3, 2):
        rows = slice(int(np.floor(i * size[0] / 3)), int(np.ceil((i + 1) * size[0] / 3)))
        columns = slice(int(np.floor(j * size[1] / 2)), int(np.ceil((j + 1) * size[1] / 2)))
        wanted[:, :, i, j] = x[:, :, rows, columns].max((2, 3))
    net = compiled("GRIDPooling", "grid_pooling_param { pooled_h: 3 pooled_w: 2 }", [x.shape])
    close(outputs(net, x)[0], wanted)
    gradients_hold(net, x[:1, :1])


def test_elements():
    x = numbers(1, (3, 4))
    close(outputs(compiled("Mish", "", [x.shape]), x)[0], x * np.tanh(np.log1p(np.exp(x))))
    gradients_hold(compiled("Mish", "", [x.shape]), x)
    close(outputs(compiled("Cos", "", [x.shape]), x)[0], np.cos(x))
    gradients_hold(compiled("Cos", "", [x.shape]), x)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2, 2), (3,)])
def test_normalization(shape):
    x = numbers(1, shape)
    wanted = np.stack([item / np.sqrt((item**2).sum()) for item in x])
    net = compiled("Normalization", "", [shape])
    close(outputs(net, x)[0], wanted)
    if len(shape) > 1:
        gradients_hold(net, x)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((2, 5, 3, 4), (4, 2)), ((3, 4), (2, 4, 5))])
def test_matrix_multiplication(shapes):
    a, b = numbers(1, shapes[0]), numbers(2, shapes[1])
    net = compiled("MatrixMultiplication", "", shapes)
    close(outputs(net, a, b)[0], np.matmul(a, b))
    gradients_hold(net, a, b, bottoms=(0, 1))


@pytest.mark.parametrize("backprop", [True, False])
def test_linear_transform(backprop):
    x = numbers(1, (3, 2, 2))
    fields = f"linear_transform_param {{ num_output: 5 backprop: {str(backprop).lower()} }}"
    net = compiled("LinearTransform", fields, [x.shape])
    (weight,) = filled(net, 2)
    close(outputs(net, x)[0], x.reshape(3, 4) @ np.asarray(weight).T, rtol=1e-5)
    below = 'layer { name: "p" type: "InnerProduct" bottom: "b0" top: "p" inner_product_param { '
    below += "num_output: 3 weight_filler { type: 'xavier' } } }\n"
    text = text_of("LinearTransform", fields, [(2, 3)]).replace('layer { name: "l"', below + "@")
    net = protonet.compile(
        text.replace("@", 'layer { name: "l"').replace('"b0" top: "t0"', '"p" top: "t0"')
    )
    net(torch.rand(2, 3)).sum().backward()
    assert (net.p.weight.grad is not None) == backprop


@few
@pytest.mark.parametrize("first", [False, True])
def test_ranking_loss(seed, first):
    x, label = numbers(seed, (4, 5)), np.random.default_rng(seed).integers(0, 5, 4)
    wanted = 0.0
    for i, own in enumerate(label):
        for j in range(5):
            near = 0.5 - x[i, own] + x[i, j]
            if j != own and near > 0:
                wanted += near / 4
                if first:
                    break
    fields = f"ranking_loss_param {{ margin: 0.5 trunc: {str(first).lower()} }}"
    net = compiled("RankingLoss", fields, [(4, 5), (4,)])
    close(outputs(net, x, label)[0], wanted)
    gradients_hold(net, x, label)


def test_similarity():
    x, p = numbers(1, (3, 4)), numbers(2, (5, 4, 1, 1))
    net = compiled("Similarity", "", [x.shape, p.shape])
    close(outputs(net, x, p)[0], x @ p.reshape(5, 4).T)
    gradients_hold(net, x, p, bottoms=(0, 1))


def test_multi_label_loss():
    x, label = numbers(1, (3, 4)), np.random.default_rng(2).integers(-1, 2, (3, 4))
    p = 1 / (1 + np.exp(-x))
    wanted = -(np.log(p) * (label > 0) + np.log(1 - p) * (label < 0)).sum() / 3
    net = compiled("MultiLabelLoss", "", [x.shape, label.shape])
    close(outputs(net, x, label)[0], wanted)
    gradients_hold(net, x, label)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        ("TripletLoss", "", [(2, 3), (2, 3), (2, 4)], "2x4 is not that of the anchors, 2x3"),
        ("TripletLoss", "triplet_loss_param { margin: 1 }", [(2, 3)] * 3, "of other forks'"),
        ("MaskOutputs", "mask_outputs_param { kernel_size: 9 }", [(2, 3), (2,)], "one class's 9"),
        ("MaskOutputs", "", [(2, 3), (2,)], "kernel_size must be positive, it is 0"),
        ("Tiling", "tiling_param { tile_dim: 2 }", [(1, 6, 2, 2)], "no multiple of 2x2"),
        ("MatrixMultiplication", "", [(2, 3), (4, 2)], "has 3 columns and 4x2 has 4 rows"),
        ("Similarity", "", [(2, 3), (4, 2)], "items of other sizes"),
        ("WeightedEuclideanLoss", "", [(2, 3), (2, 3), (2, 4)], "hold not as many numbers"),
        ("RankingLoss", "", [(2, 3), (2, 3)], "2 rows of scores take as many labels"),
        (
            "SparseHypercolumnExtractor",
            "sparse_hypercolumn_extractor_param { scale: 2 }",
            [(1, 2, 2), (1, 3, 4, 4)],
            "offset_height is given 0 times for 1 maps",
        ),
    ],
)
def test_what_they_refuse(kind, fields, shapes, told):
    with pytest.raises(NetError, match=told):
        protonet.compile(text_of(kind, fields, shapes))
