"""More layers of forks: sequences, words, local filters and masked losses, by loops in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet import NetError
from protonet.api import graph


@pytest.mark.parametrize("bias", [True, False])
def test_word_sum(bias):
    x = numbers(1, (3, 4, 5))
    fields = f"word_sum_param {{ num_output: 2 bias_term: {str(bias).lower()} }}"
    net = compiled("WordSum", fields, [x.shape])
    weight, *more = (np.asarray(a) for a in filled(net, 2))
    wanted = np.stack([weight @ item for item in x])
    wanted = wanted + more[0].reshape(2, 5) if bias else wanted
    close(outputs(net, x)[0], wanted, rtol=1e-5)
    gradients_hold(net, x)


@pytest.mark.parametrize("shapes", [((3, 2, 4), (3, 4, 5)), ((1, 3, 4), (3, 4, 5))])
def test_matrix_prod(shapes):
    a, b = numbers(1, shapes[0]), numbers(2, shapes[1])
    rows = a if len(a) > 1 else a[0][:, None]
    wanted = np.stack([rows[i] @ b[i] for i in range(3)])
    wanted = wanted if len(a) > 1 else wanted[:, 0][None]
    net = compiled("MatrixProd", "", shapes)
    close(outputs(net, a, b)[0], wanted)
    gradients_hold(net, a, b, bottoms=(0, 1))


@pytest.mark.parametrize(
    ("fields", "alpha", "gamma", "ignored", "size"),
    [
        ("", 0.25, 2, None, 8),
        ("focal_loss_param { alpha: 1 gamma: 1.5 } loss_param { ignore_label: 1 }", 1, 1.5, 1, 0),
        ("focal_loss_param { gamma: 0 } loss_param { normalization: NONE }", 0.25, 0, None, 1),
        ("loss_param { normalize: false ignore_label: 2 }", 0.25, 2, 2, 2),
    ],
)
def test_focal_loss(fields, alpha, gamma, ignored, size):
    scores = numbers(1, (2, 3, 2, 2))
    labels = np.random.default_rng(2).integers(0, 3, (2, 1, 2, 2))
    total = kept = 0.0
    for n, y, x in np.ndindex(2, 2, 2):
        label = int(labels[n, 0, y, x])
        if label != ignored:
            odds = np.exp(scores[n, :, y, x])
            p = odds[label] / odds.sum()
            total, kept = total - alpha * (1 - p) ** gamma * np.log(p), kept + 1
    net = compiled("FocalLoss", fields, [scores.shape, labels.shape])
    close(outputs(net, scores, labels)[0], total / (size or kept))
    gradients_hold(net, scores, labels)


@pytest.mark.parametrize(("fields", "size"), [("", 2), ("loss_param { normalize: true }", 0)])
def test_masked_entropy(fields, size):
    draw = np.random.default_rng(1)
    x, target = numbers(1, (2, 6)), draw.uniform(0, 1, (2, 6))
    masks = [draw.integers(0, 2, (2, 6)) for _ in range(2)]
    both = masks[0] * masks[1]
    p = 1 / (1 + np.exp(-x))
    total = -((target * np.log(p) + (1 - target) * np.log(1 - p)) * both).sum()
    net = compiled("SigmoidCrossEntropyLossHongyuan", fields, [(2, 6)] * 4)
    close(outputs(net, x, target, *masks)[0], total / (size or both.sum()))
    gradients_hold(net, x, target, *masks)


def test_convert():
    x = numbers(1, (2, 3, 1, 4))
    steps, goes_on = outputs(compiled("Convert", "", [x.shape], tops=2), x)
    close(steps, [[[x[n, d, 0, t] for d in range(3)] for n in range(2)] for t in range(4)])
    close(goes_on, [[0.0, 0.0], *[[1.0, 1.0]] * 3])


def test_corner_crop():
    x = numbers(1, (2, 3, 6, 8))
    places = ["center", "upperleft", "upperright", "lowerleft", "lowerright"]
    fields = "crop_size: 4 " + " ".join(f'position: "{p}"' for p in places)
    net = compiled("CornerCrop", f"corner_crop_param {{ {fields} }}", [x.shape], tops=5)
    corners = [(1, 2), (0, 0), (0, 4), (2, 0), (2, 4)]
    for found, (top, left) in zip(outputs(net, x), corners, strict=True):
        close(found, x[:, :, top : top + 4, left : left + 4])


@pytest.mark.parametrize("bias", [True, False])
def test_local(bias):
    x = numbers(1, (2, 2, 5, 4))
    fields = f"num_output: 3 kernel_size: 2 stride: 2 pad: 1 bias_term: {str(bias).lower()}"
    net = compiled("Local", f"local_param {{ {fields} }}", [x.shape])
    weight, *more = (np.asarray(a) for a in filled(net, 2))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    wanted = np.zeros((2, 3, 3, 3))
    for n, o, i, j in np.ndindex(*wanted.shape):
        window = padded[n, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].ravel()
        wanted[n, o, i, j] = window @ weight[o, 0, :, 3 * i + j]
        wanted[n, o, i, j] += more[0][0, 0, o, 3 * i + j] if bias else 0
    close(outputs(net, x)[0], wanted, rtol=1e-5)
    gradients_hold(net, x[:1])


@pytest.mark.parametrize(("kind", "channels"), [("", 5), ("Reweighted", 5), ("Reweighted", 40)])
def test_labels_of_bits(kind, channels):
    draw, words = np.random.default_rng(channels), 1 + channels // 32
    bits = draw.integers(0, 2, (2, channels, 2, 3)) * draw.integers(0, 2, (2, 1, 2, 3))
    unknown = draw.integers(0, 4, (2, 2, 3)) == 0
    label = np.zeros((2, words, 2, 3), np.uint32)
    for k in range(channels):
        label[:, k // 32] |= (bits[:, k] << (k % 32)).astype(np.uint32)
    label[:, -1] |= (unknown.astype(np.uint32) << 31).astype(np.uint32)
    x = numbers(1, bits.shape)
    p = 1 / (1 + np.exp(-x))
    total = 0.0
    for n in range(2):
        seen = ~unknown[n]
        edge = (label[n, : channels // 32 + 1] != 0).any(0) & seen
        on = (seen & ~edge).sum() / seen.sum() if kind else 1
        off = edge.sum() / seen.sum() if kind else 1
        total -= (on * bits[n] * np.log(p[n]) * seen).sum()
        total -= (off * (1 - bits[n]) * np.log(1 - p[n]) * seen).sum()
    shapes = [x.shape, label.shape]
    text = text_of(f"MultiChannel{kind}SigmoidCrossEntropyLoss", "", shapes)
    net = protonet.compile(text, faithful=True)
    given = torch.from_numpy(x).float().requires_grad_(True)
    loss = net(given, torch.from_numpy(label.view(np.float32)))
    close(loss.detach().numpy(), total / 2, rtol=1e-5)
    loss.backward()
    assert not given.grad[torch.from_numpy(unknown)[:, None].expand(given.shape)].any()


def test_data_that_the_caller_gives():
    fields = "batch_size: 4 channels: 3 height: 5 width: 6 label_size: 7"
    for kind, param, tops in (
        ("MemoryData", "memory_data_param", 2),
        ("WeightedMemoryData", "weighted_memory_data_param", 3),
    ):
        text = text_of(kind, f"{param} {{ {fields} }}", [], tops)
        assert graph(text).blobs["t1"].shape == (4, 7, 1, 1)
    text = text_of("SegData", "seg_data_param { batch_size: 4 } transform_param { %s }", [], 2)
    assert graph(text % "crop_size: 8").blobs["t1"].shape == (4, 1, 8, 8)
    with pytest.raises(NetError, match="a batch_size of more than 1 takes a crop_size"):
        protonet.compile(text % "upper_size: 8")


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "tops", "told"),
    [
        ("MatrixProd", "", [(2, 3, 4), (3, 4, 5)], 1, "2x3x4 takes 2 matrices, not 3"),
        ("WordSum", "word_sum_param { num_output: 2 }", [(2, 3)], 1, "it takes 3 axes"),
        ("FocalLoss", "focal_loss_param { type: LINEAR }", [(2, 3), (2,)], 1, "only ORIGIN is"),
        ("FocalLoss", "focal_loss_param { alpha: 0 }", [(2, 3), (2,)], 1, "alpha must be positive"),
        ("Convert", "", [(2, 3, 2, 4)], 2, "whose middle axes are 1, not 2x3x2x4"),
        ("CornerCrop", "corner_crop_param { crop_size: 3 }", [(1, 1, 6, 6)], 1, "no even number"),
        (
            "CornerCrop",
            'corner_crop_param { crop_size: 4 position: "top" }',
            [(1, 1, 6, 6)],
            1,
            "position is one of center, upperleft, .* not 'top'",
        ),
        (
            "Local",
            "local_param { num_output: 2 kernel_size: 9 }",
            [(1, 1, 6, 6)],
            1,
            "9x9 does not",
        ),
        (
            "MultiChannelSigmoidCrossEntropyLoss",
            "",
            [(1, 32, 2, 2), (1, 1, 2, 2)],
            1,
            "at most 31 channels and one of labels, not 32 and 1",
        ),
        ("HDF5GeneralData", "", [], 2, "2 tops take as many field, not 0"),
    ],
)
def test_what_they_refuse(kind, fields, shapes, tops, told):
    with pytest.raises(NetError, match=told):
        protonet.compile(text_of(kind, fields, shapes, tops))
