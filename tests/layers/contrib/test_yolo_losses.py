"""YOLO's first loss, its evaluations and its segmentation's loss, against plain numpy."""

from __future__ import annotations

import eval_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from test_yolov3 import net_of, value_and_gradient
from yolo_reference import sigmoid

from protonet import NetError
from protonet.api import graph

quick = settings(
    max_examples=7,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
flags = st.booleans()
scores = st.sampled_from(["OBJ", "PROB", "MULTIPLY"])
suppressions = st.sampled_from([-1, 0, 0.3, 0.7])


def word(flag):
    return str(flag).lower()


def yolo_truth(draw, images, side):
    """A truth (images, 7 * side * side) with an object in every third cell or so."""
    cells = side**2
    rows = np.zeros((images, 7 * cells))
    rows[:, :cells] = draw.integers(0, 2, (images, cells))
    rows[:, cells : 2 * cells] = draw.random((images, cells)) < 0.4
    rows[:, 2 * cells : 3 * cells] = draw.integers(0, 3, (images, cells))
    rows[:, 3 * cells :] = draw.uniform(0.2, 0.7, (images, 4 * cells))
    return rows


@quick
@given(seeds, flags, flags, scores, suppressions)
def test_yolo_is_evaluated(seed, squared, in_cells, score, nms):
    draw = np.random.default_rng(seed)
    p = {"side": 3, "classes": 3, "boxes": 2, "sqrt": squared, "in_cells": in_cells}
    p |= {"score": score, "nms": nms, "threshold": 0.3, "second": False}
    x, truth = draw.uniform(0.1, 0.9, (2, 9 * 13)), yolo_truth(draw, 2, 3)
    fields = f"side: 3 num_class: 3 num_object: 2 threshold: 0.3 sqrt: {word(squared)} "
    fields += f"constriant: {word(in_cells)} score_type: {score} nms: {nms}"
    layer = f'type: "EvalDetection" eval_detection_param {{ {fields} }}'
    given_ = torch.from_numpy(x), torch.from_numpy(truth)
    (rows,) = net_of(layer, [x.shape, truth.shape])(*given_).values()
    for row, each, real in zip(rows.numpy(), x, truth, strict=True):
        found = reference.yolo_found(each, p)
        assert_allclose(row, reference.evaluated(found, reference.yolo_true(real, p), p))


@quick
@given(seeds, flags, scores, suppressions)
def test_yolov2_is_evaluated(seed, of_ssd, score, nms):
    draw = np.random.default_rng(seed)
    anchors = [(1.5, 1), (0.75, 2)]
    p = {"side": 3, "classes": 3, "score": score, "nms": nms, "threshold": 0.3, "second": True}
    x, truth = draw.normal(size=(2, 16, 3, 3)), np.zeros((2, 30, 5))
    x[:, [4, 12]] *= 5
    truth[:, :8, 0] = draw.integers(0, 3, (2, 8))
    truth[:, :8, 1:] = draw.uniform(0.2, 0.7, (2, 8, 4))
    truth[1, 5:7, 1] = 0
    real = [reference.yolov2_true(each) for each in truth]
    blob = truth.reshape(2, 150)
    if of_ssd:
        rows = [[i, t[0] + 1, 0, *t[2], 0] for i, each in enumerate(real) for t in each]
        blob = np.array([*rows, [-1] * 8])[None, None]
    fields = f"side: 3 num_class: 3 num_object: 2 threshold: 0.3 score_type: {score} nms: {nms} "
    fields += " ".join(f"biases: {v}" for pair in anchors for v in pair)
    layer = f'type: "EvalDetection" eval_detection_param {{ {fields} }}'
    given_ = torch.from_numpy(x), torch.from_numpy(blob)
    (found,) = net_of(layer, [x.shape, blob.shape])(*given_).values()
    for row, each, mine in zip(found.numpy(), x, real, strict=True):
        boxes = reference.yolov2_found(each, anchors, p)
        assert_allclose(row, reference.evaluated(boxes, mine, p), rtol=1e-6)


@quick
@given(seeds, flags, flags, flags)
def test_the_first_yolo_learns_as_its_fork(seed, squared, in_cells, objects):
    draw = np.random.default_rng(seed)
    x, truth = draw.uniform(0.1, 0.9, (2, 9 * 13)), yolo_truth(draw, 2, 3)
    truth[:, 9:18] *= objects
    x[0, 4 * 9 :] *= -1 if squared else 1
    p = {"side": 3, "classes": 3, "boxes": 2, "sqrt": squared, "in_cells": in_cells}
    p |= {"object": 1.5, "empty": 0.25, "class": 2, "box": 3}
    fields = f"side: 3 num_class: 3 num_object: 2 sqrt: {word(squared)} constriant: "
    fields += f"{word(in_cells)} object_scale: 1.5 noobject_scale: 0.25 class_scale: 2 "
    layer = f'type: "DetectionLoss" detection_loss_param {{ {fields} coord_scale: 3 }}'
    net = net_of(layer, [x.shape, truth.shape])
    value, gradient = value_and_gradient(net.l, x, truth)
    wanted, errors = reference.yolo_loss(x, truth, p)
    assert_allclose(value, wanted)
    assert_allclose(gradient, errors / 2, atol=1e-12)


@quick
@given(seeds, flags)
def test_segments_learn_as_their_fork(seed, weighted):
    draw = np.random.default_rng(seed)
    x, masks = draw.normal(size=(2, 3, 4, 5)), draw.integers(0, 2, (2, 3, 4, 5)).astype(float)
    pixels = masks.sum((2, 3))
    layer = 'type: "YoloSeg" yolo_seg_param { object_scale: 0.5 }'
    arrays = (x, masks, pixels) if weighted else (x, masks)
    net = net_of(layer, [a.shape for a in arrays])
    value, gradient = value_and_gradient(lambda *a: next(iter(net(*a).values())), *arrays)
    error = 0.5 * (sigmoid(x) - masks)
    for c in range(3 if weighted else 0):
        share = sum(pixels[:, c]) / sum(20 - pixels[:, c])
        error[:, c][masks[:, c] > 0.5] *= 2 - share
    assert_allclose(value, (error**2).sum() / 2)
    assert_allclose(gradient, error / 2)


YOLO = "side: 2 num_class: 3 num_object: 1"


@pytest.mark.parametrize(
    ("layer", "shapes", "told"),
    [
        ('type: "YoloSeg"', [(1, 3, 2, 2), (1, 3, 2, 3)], "of one shape"),
        ('type: "YoloSeg"', [(1, 3, 2, 2), (1, 3, 2, 2), (1, 2)], "1x3 counts of pixels"),
        (f'type: "EvalDetection" eval_detection_param {{ {YOLO} }}', [(1, 8), (1, 28)], "32 num"),
        (f'type: "EvalDetection" eval_detection_param {{ {YOLO} }}', [(1, 32), (1, 7)], "28 num"),
        (
            f'type: "EvalDetection" eval_detection_param {{ {YOLO} biases: 1 }}',
            [(1, 8, 2, 2), (1, 150)],
            "take 2 biases, not 1",
        ),
        (
            f'type: "EvalDetection" eval_detection_param {{ {YOLO} biases: 1 biases: 2 }}',
            [(1, 8, 2, 3), (1, 150)],
            "take a map Nx8x2x2, not 1x8x2x3",
        ),
        (
            f'type: "EvalDetection" eval_detection_param {{ {YOLO} biases: 1 biases: 2 }}',
            [(1, 8, 2, 2), (1, 100)],
            "1x150 or 1x1xMx8, not 1x100",
        ),
        (f'type: "DetectionLoss" detection_loss_param {{ {YOLO} }}', [(1, 8), (1, 28)], "32 num"),
    ],
)
def test_what_the_yolo_forks_would_refuse(layer, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        net_of(layer, shapes)
    assert caught.value.span is not None


def box_data(tops, fields="", given_shapes=None):
    text = f'layer {{ name: "data" type: "BoxData" {tops} data_param {{ source: "db" {fields} '
    return graph(text + "batch_size: 2 } transform_param { crop_size: 8 } }", shapes=given_shapes)


def test_box_data_is_told_its_shapes():
    with pytest.raises(NetError, match="two forks differ") as caught:
        box_data('top: "x" top: "y"', "side: 3")
    assert "63 (YOLO) or 150 (YOLOv2)" in caught.value.hint
    with pytest.raises(NetError, match="1 sides take 1 tops behind the images, not 2"):
        box_data('top: "x" top: "y" top: "z"', "side: 3")
    net = box_data('top: "x" top: "y"', "side: 3", {"x": (2, 3, 9, 9), "y": (2, 63)})
    assert {blob: value.shape for blob, value in net.blobs.items()} == {
        "x": (2, 3, 9, 9),
        "y": (2, 63),
    }
