"""caffe-yolov2's DetectionOutput and DetectionEvaluate, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import yolov2_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, outputs, quick

from protonet import NetError
from protonet.api import graph

ANCHORS = ((1.5, 2.0), (0.6, 0.9))
BIASES = " ".join(f"biases: {side}" for pair in ANCHORS for side in pair)


def truth_of(draw, count, classes):
    rows = np.zeros((30, 5))
    rows[:count, 0] = draw.integers(0, classes, count)
    rows[:count, 1:3] = draw.uniform(0, 1, (count, 2))
    rows[:count, 3:] = draw.uniform(0.2, 0.9, (count, 2))
    return rows.reshape(1, 150)


@settings(quick, max_examples=8)
@given(st.integers(0, 2**16), st.integers(1, 3), st.sampled_from([0.1, 0.3, 0.99]), st.floats(0, 1))
def test_yolov2_finds_boxes_in_the_order_of_their_places(seed, classes, score, nms):
    x = np.random.default_rng(seed).normal(size=(1, 2 * (5 + classes), 3, 3)) * 2
    fields = f"num_classes: {classes} side: 3 num_box: 2 {BIASES} "
    fields += f"confidence_threshold: {score} nms_threshold: {nms}"
    net = compiled("DetectionOutput", f"detection_output_param {{ {fields} }}", [x.shape])
    wanted = reference.found(x, classes, ANCHORS, np.float32(score), np.float32(nms))
    close(outputs(net, x)[0], wanted, 1e-5)


@settings(quick, max_examples=8)
@given(st.integers(0, 2**16), st.integers(0, 30), st.integers(0, 8))
def test_yolov2_judges_boxes_by_center_and_size(seed, objects, count):
    draw = np.random.default_rng(seed)
    truth = truth_of(draw, objects, 3)
    rows = np.zeros((count + 1, 7))
    rows[:, 1] = draw.integers(-1, 3, count + 1)
    rows[:, 2] = draw.permutation(count + 1) / 10
    rows[:, 3:] = truth.reshape(30, 5)[draw.integers(0, max(1, objects), count + 1), 1:]
    rows[:, 3:] += draw.normal(size=(count + 1, 4)) * 0.02
    fields = "detection_evaluate_param { num_classes: 3 overlap_threshold: 0.5 }"
    net = compiled("DetectionEvaluate", fields, [(1, 1, count + 1, 7), (1, 150)])
    close(outputs(net, rows[None, None], truth)[0], reference.judged(rows, truth, 3, 0.5))


def test_yolov2_takes_its_scores_from_001_on():
    x = np.zeros((1, 7, 1, 1))
    for shown, count in ((-4.0, 0), (-3.0, 1)):  # times 1/2: 0.009, 0.024
        x[0, 4] = shown
        fields = "num_classes: 2 side: 1 num_box: 1 biases: 1 biases: 1"
        net = compiled("DetectionOutput", f"detection_output_param {{ {fields} }}", [x.shape])
        assert (outputs(net, x)[0][..., 1] >= 0).sum() == count


@pytest.mark.parametrize(
    ("fields", "shape", "told"),
    [
        ("coords: 5", (1, 14, 3, 3), "a box has 4 coords, not 5"),
        ("side: 2", (1, 14, 3, 3), "take the map 1x14x2x2 of one image, not 1x14x3x3"),
        ("side: 3", (2, 14, 3, 3), "take the map 1x14x3x3 of one image, not 2x14x3x3"),
        ("num_box: 3 side: 3", (1, 21, 3, 3), "3 boxes take 6 biases, not 4"),
        ("keep_top_k: 9", (1, 14, 3, 3), "keep_top_k is SSD's"),
        ("num_box: 0", (1, 14, 3, 3), "num_box must be positive, it is 0"),
    ],
)
def test_what_yolov2_would_refuse(fields, shape, told):
    dims = " ".join(f"dim: {n}" for n in shape)
    own = fields if "num_box" in fields else f"num_box: 2 {fields}"
    text = f"""layer {{ name: "in" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }}
    layer {{ name: "l" type: "DetectionOutput" bottom: "x" top: "y"
            detection_output_param {{ num_classes: 2 {BIASES} {own} }} }}"""
    with pytest.raises(NetError) as caught:
        graph(text)
    assert told in caught.value.message
