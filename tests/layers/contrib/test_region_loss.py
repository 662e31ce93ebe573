"""RegionLoss of three forks over randomised fields, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yolo_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from test_yolo import close, compiled, flags, quick, run, seeds

from protonet import NetError

REGION = "num_class: 3 num: 2 thresh: 0.3 object_scale: 5 noobject_scale: 1 class_scale: 2 "
REGION += "coord_scale: 1.5 biases: 0.75 biases: 1 biases: 2.5 biases: 1.5 side: 4"
REGION_P = {"threshold": 0.3, "object": 5, "empty": 1, "class": 2, "box": 1.5}


def region_truth(draw, real, rows):
    truth = np.zeros((2, rows, 5))
    truth[:, :real, 0] = draw.integers(0, 3, (2, real))
    truth[:, :real, 1:] = draw.uniform(0.05, 0.95, (2, real, 4))
    truth[:, real + 1 :, 0] = 1
    return truth


def held_to_region_errors(net, x, truth, errors, share):
    variable = torch.from_numpy(x).requires_grad_()
    (loss,) = run(net, variable, truth)
    close(loss, (errors**2).sum() / share)
    loss.backward()
    close(variable.grad, errors / 2)


@settings(quick, max_examples=10)
@given(seeds, st.integers(0, 6), flags, flags)
def test_region_loss(seed, real, match, rescore):
    draw = np.random.default_rng(seed)
    x, truth = draw.normal(size=(2, 2 * 8, 4, 4)), region_truth(draw, real, 8)
    p = REGION_P | {"match": match, "rescore": rescore}
    fields = f"{REGION} bias_match: {int(match)} rescore: {int(rescore)}"
    layer = f'type: "RegionLoss" region_loss_param {{ {fields} }}'
    net = compiled(layer, [x.shape, (2, 1, 8, 5)])
    errors = reference.region_errors(x, truth, [(0.75, 1), (2.5, 1.5)], p, False)
    held_to_region_errors(net, x, truth.reshape(2, 1, 8, 5), errors, 2)


@quick
@given(seeds, st.integers(0, 6), flags, flags)
def test_region_loss_of_caffe_yolov2(seed, real, match, burns):
    draw = np.random.default_rng(seed)
    x, truth = draw.normal(size=(2, 2 * 8, 4, 4)), region_truth(draw, real, 30)
    p = REGION_P | {"match": match, "rescore": True, "older": True}
    layer = f'type: "RegionLoss" region_loss_param {{ {REGION} bias_match: {int(match)} }}'
    net = compiled(layer, [x.shape, (2, 150)])
    net.l.passes = 6399 if burns else 6400
    errors = reference.region_errors(x, truth, [(0.75, 1), (2.5, 1.5)], p, burns)
    held_to_region_errors(net, x, truth.reshape(2, 150), errors, 1)
    assert net.l.passes == (6400 if burns else 6401)


@quick
@given(seeds, st.integers(0, 6))
def test_region_loss_of_intel(seed, real):
    draw = np.random.default_rng(seed)
    x, truth = draw.normal(size=(2, 2 * 8, 4, 4)) * 2, region_truth(draw, real, 8)
    truth[1, 4:] = 0
    p = REGION_P | {"match": True, "rescore": True, "older": True, "limited": True}
    rows = [
        [i, t[0] + 1, 0, *reference.corners(*t[1:]), 0]
        for i, each in enumerate(truth)
        for t in each
        if t[1]
    ]
    rows = np.array([*rows, [-1] * 8])[None, None]
    net = compiled(f'type: "RegionLoss" region_loss_param {{ {REGION} }}', [x.shape, rows.shape])
    errors = reference.region_errors(x, truth, [(0.75, 1), (2.5, 1.5)], p, False)
    held_to_region_errors(net, x, rows, errors, 1)


@pytest.mark.parametrize(
    ("layer", "shapes", "told"),
    [
        (
            f'type: "RegionLoss" region_loss_param {{ {REGION} class_map: "c" }}',
            [(1, 16, 4, 4), (1, 150)],
            "a tree or map of classes",
        ),
        (
            f'type: "RegionLoss" region_loss_param {{ {REGION} }}',
            [(1, 16, 5, 5), (1, 1, 3, 8)],
            "side 4 is not that of the map 1x16x5x5",
        ),
    ],
)
def test_what_the_older_forks_would_refuse(layer, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        compiled(layer, shapes)
    assert caught.value.span is not None
