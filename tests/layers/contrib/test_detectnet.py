"""DetectNet's layers against numpy and OpenCV, whose routines NVIDIA's fork calls."""

from __future__ import annotations

import math

import boxes_reference as boxes
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError

cv2 = pytest.importorskip("cv2")

quick = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)


def net_of(layer, shapes, tops=1, **options):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    names = [f"t{i}" for i in range(tops)]
    given_ = " ".join(f'top: "{name}"' for name in names)
    text += f'layer {{ name: "l" {bottoms} {given_} {layer} }}'
    return protonet.compile(text, outputs=names, **options)


def python(module, layer, param_str=""):
    words = f'module: "caffe.layers.detectnet.{module}" layer: "{layer}" param_str: "{param_str}"'
    return f'type: "Python" python_param {{ {words} }}'


def drawn_grid(draw):
    """Coverage (2, 2, 4, 6) and boxes around a few objects, alike from cell to cell."""
    coverage = draw.choice([0, 0.3, 0.9], (2, 2, 4, 6)).astype(np.float32)
    y, x = np.mgrid[:4, :6]
    objects = draw.integers(0, 60, (3, 2)), draw.integers(10, 40, (3, 2))
    which = draw.integers(0, 3, (2, 4, 6))
    low, high = objects[0][which], objects[0][which] + objects[1][which]
    place = np.stack([x, y], 2) * 16
    corners = np.concatenate([low - place, high - place], 3).transpose(0, 3, 1, 2)
    return coverage, (corners + draw.normal(0, 0.8, corners.shape)).astype(np.float32)


def cells(coverage, corners, least):
    """The boxes of an image's covered cells, in pixels."""
    return [
        corners[:, i, j] + np.float32([j * 16, i * 16, j * 16, i * 16])
        for i, j in np.argwhere(coverage >= least)
    ]


@quick
@given(seeds, st.sampled_from([0, 1, 3]), st.sampled_from([0.02, 0.2]), st.sampled_from([0, 22]))
def test_detections_are_clustered_as_opencv_groups(seed, group, distance, height):
    coverage, corners = drawn_grid(np.random.default_rng(seed))
    layer = python("clustering", "ClusterDetections", f"96,64,16,0.3,{group},{distance},{height},2")
    net = net_of(layer, [coverage.shape, corners.shape], 2)
    found = net(torch.from_numpy(coverage), torch.from_numpy(corners)).values()
    for kind, rows in enumerate(found):
        assert rows.shape == (2, 50, 5)
        for image in range(2):
            given_ = cells(coverage[image, kind], corners[image], np.float32(0.3))
            whole = [[int(x), int(y), int(u - x), int(v - y)] for x, y, u, v in given_]
            grouped, weights = cv2.groupRectangles(whole, group, distance)
            wanted = [
                [x, y, x + w, y + h, math.log(n)]
                for (x, y, w, h), n in zip(grouped, weights, strict=True)
                if h >= height
            ]
            padded = np.zeros((50, 5))
            padded[: len(wanted)] = np.float16(wanted).reshape(-1, 5)
            np.testing.assert_array_equal(rows[image].numpy(), padded)


@quick
@given(seeds)
def test_true_boxes_are_told_once(seed):
    draw = np.random.default_rng(seed)
    coverage, corners = drawn_grid(draw)
    corners = corners.round()
    layer = python("clustering", "ClusterGroundtruth", "96, 64, 16, 2")
    net = net_of(layer, [coverage.shape, corners.shape], 2)
    found = net(torch.from_numpy(coverage), torch.from_numpy(corners)).values()
    for kind, rows in enumerate(found):
        for image in range(2):
            wanted = {tuple(box) for box in cells(coverage[image, kind], corners[image], 1e-6)}
            told = [tuple(row[:4]) for row in rows[image].tolist() if any(row)]
            assert len(told) == len(wanted)
            assert set(told) == wanted
            assert not rows[image, :, 4].any()


def scored(truth, found):
    """The rows of one image, box by box as the fork scores them."""
    real = [b for b in truth[:, :4].tolist() if b != [0, 0, 0, 0]]
    mine = [b for b in found[:, :4].tolist() if b != [0, 0, 0, 0]]
    met, used = set(), set()
    for i, box in enumerate(real):
        for j, other in enumerate(mine):
            if j not in used and boxes.iou(other, box) >= 0.7:
                met.add(i)
                used.add(j)
                break
    rows = [[*b, 1] for j, b in enumerate(mine) if j in used]
    rows += [[*b, 2] for j, b in enumerate(mine) if j not in used]
    rows += [[*b, 3] for i, b in enumerate(real) if i not in met]
    return np.concatenate([np.array(rows).reshape(-1, 5), np.zeros((50 - len(rows), 5))])


@quick
@given(seeds, st.integers(0, 8), st.integers(0, 8))
def test_boxes_are_scored(seed, real, more):
    draw = np.random.default_rng(seed)
    truth, found = np.zeros((2, 50, 5), np.float32), np.zeros((2, 50, 5), np.float32)
    low = draw.integers(0, 50, (2, real, 2))
    truth[:, :real, :4] = np.concatenate([low, low + draw.integers(10, 30, (2, real, 2))], 2)
    found[:, :real, :4] = truth[:, :real, :4] + draw.integers(-2, 3, (2, real, 4))
    low = draw.integers(0, 50, (2, more, 2))
    found[:, 10 : 10 + more, :4] = np.concatenate([low, low + 20], 2)
    found[..., 4] = 1
    net = net_of(python("mean_ap", "ScoreDetections"), [truth.shape, found.shape])
    (rows,) = net(torch.from_numpy(truth), torch.from_numpy(found)).values()
    wanted = np.stack([scored(*each) for each in zip(truth, found, strict=True)])
    np.testing.assert_array_equal(rows.numpy(), wanted)
    score = net_of(python("mean_ap", "mAP", "96, 64, 16"), [rows.shape], 3)
    told = [value.item() for value in score(rows).values()]
    right, wrong, missed = ((wanted[..., 4] == kind).sum() for kind in (1, 2, 3))
    precision = right / (right + wrong) * 100 if right + wrong else 0
    recall = right / (right + missed) * 100 if right + missed else 0
    assert told == pytest.approx([precision * recall / 100, precision, recall])


GRID = [(2, 1, 4, 6), (2, 4, 4, 6)]


@pytest.mark.parametrize(
    ("layer", "shapes", "told"),
    [
        (python("clustering", "ClusterDetections", "96, 64"), GRID, "param_str holds the image's"),
        (python("clustering", "ClusterGroundtruth", "96, 64, x"), GRID, "not '96, 64, x'"),
        (python("clustering", "ClusterGroundtruth", "96, 64, 80"), GRID, "a stride of at least 1"),
        (python("clustering", "ClusterGroundtruth", "96, 64, 16, 3"), GRID, "Nx3xHxW, not 2x1x4x6"),
        (python("clustering", "ClusterGroundtruth", "96, 64, 16"), GRID[:1] * 2, "Nx4xHxW"),
        (python("mean_ap", "ScoreDetections"), [(2, 5, 5), (3, 5, 5)], "NxMx5"),
        (python("mean_ap", "ScoreDetections"), [(2, 5, 5), (2, 5, 4)], "NxMx5"),
    ],
)
def test_what_detectnets_layers_would_not_take(layer, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        net_of(layer, shapes)
    assert caught.value.span is not None


def test_each_class_has_its_top():
    with pytest.raises(NetError, match="1 classes take as many tops, not 2"):
        net_of(python("clustering", "ClusterGroundtruth", "96, 64, 16"), GRID, 2)
