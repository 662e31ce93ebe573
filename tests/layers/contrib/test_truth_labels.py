"""Boxes whose labels are none of the classes are refused, not learned or counted as others."""

from __future__ import annotations

import re

import numpy as np
import pytest
from one_layer import compiled, outputs

import protonet
from protonet.diagnostics import NetError

PLACE = [0.1, 0.1, 0.5, 0.5]
SSD = "num_classes: 3"
LOSS = [(2, 24), (2, 18), (1, 2, 24), (1, 1, 2, 8)]


def truth(label):
    """Two true boxes as SSD has them, the second with that label, and a row that is none."""
    return np.array([[0, 1, 0, *PLACE, 0], [1, label, 0, *PLACE, 0], [-1] * 8])[None, None]


def multibox(fields, label):
    net = compiled("MultiBoxLoss", f"multibox_loss_param {{ {fields} }}", LOSS)
    priors = np.concatenate([np.tile(PLACE, 6), np.full(24, 0.1)]).reshape(1, 2, 24)
    scores = int(re.findall(r"num_classes: (\d)", fields)[0]) * 6
    return outputs(net, np.zeros((2, 24)), np.zeros((2, scores)), priors, truth(label))


MULTIBOX = [SSD, f"{SSD} conf_loss_type: LOGISTIC", f"{SSD} mining_type: NONE"]


@pytest.mark.parametrize("fields", MULTIBOX)
@pytest.mark.parametrize(
    ("label", "words"),
    [(0, "label 0, the background's"), (3, "label 3, none of 3"), (-1, "label -1, none of 3")],
)
def test_multibox_loss(fields, label, words):
    assert np.isfinite(multibox(fields, 2)).all()
    with pytest.raises(ValueError, match=words):
        multibox(fields, label)


def test_any_class_is_an_object_that_is_agnostic():
    fields = "num_classes: 2 map_object_to_agnostic: true"
    with_sizes = [(2, 24), (2, 12), *LOSS[2:]]
    net = compiled("MultiBoxLoss", f"multibox_loss_param {{ {fields} }}", with_sizes)
    priors = np.concatenate([np.tile(PLACE, 6), np.full(24, 0.1)]).reshape(1, 2, 24)
    scores = np.random.default_rng(0).normal(size=(2, 12))
    first, second = (outputs(net, np.zeros((2, 24)), scores, priors, truth(k)) for k in (1, 7))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(ValueError, match="label 0, the background's"):
        outputs(net, np.zeros((2, 24)), scores, priors, truth(0))


@pytest.mark.parametrize(("true", "found"), [(0, 1), (3, 1), (-1, 1), (1, 0), (1, 3)])
def test_detection_evaluate(true, found):
    fields = f"detection_evaluate_param {{ {SSD} }}"
    net = compiled("DetectionEvaluate", fields, [(1, 1, 2, 7), (1, 1, 3, 8)])
    boxes = np.array([[0, found, 0.9, *PLACE], [0, -1, 0.9, *PLACE]])[None, None]
    label = true if true != 1 else found
    with pytest.raises(ValueError, match=f"a box has the label {label}, "):
        outputs(net, boxes, truth(true))


ANCHORS = "biases: 10 biases: 20 biases: 30 biases: 40"
YOLO = {
    "Yolov3": (f"yolov3_param {{ num_class: 2 num: 1 mask: 1 {ANCHORS} }}", (2, 1, 300, 5)),
    "RegionLoss": ("region_loss_param { num_class: 2 num: 1 biases: 1 biases: 2 }", (2, 1, 300, 5)),
    "EvalDetection": (
        "eval_detection_param { num_class: 2 num_object: 1 side: 4 biases: 1 biases: 2 }",
        (2, 150),
    ),
}


@pytest.mark.parametrize("kind", YOLO)
def test_yolo(kind):
    fields, shape = YOLO[kind]
    net = compiled(kind, fields, [(2, 7, 4, 4), shape])
    rows = np.zeros(shape).reshape(2, -1, 5)
    rows[1, :2] = [[1, 0.5, 0.5, 0.3, 0.3], [0, 0.4, 0.4, 0.3, 0.3]]
    assert np.isfinite(outputs(net, np.zeros((2, 7, 4, 4)), rows.reshape(shape))[0]).all()
    rows[1, 1, 0] = 2
    with pytest.raises(ValueError, match="a box has the label 2, none of 2 classes"):
        outputs(net, np.zeros((2, 7, 4, 4)), rows.reshape(shape))


@pytest.mark.slow
def test_training_names_the_layer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shapes = "".join(
        f"shape {{ {' '.join(f'dim: {n}' for n in shape)} }} " for shape in (*LOSS[2:], (2, 4))
    )
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "d" type: "DummyData" top: "prior" top: "label" top: "x" dummy_data_param { '
        f"{shapes} data_filler {{ value: 0.1 }} data_filler {{ }} data_filler {{ }} }} }}"
        'layer { name: "a" type: "InnerProduct" bottom: "x" top: "place" '
        "inner_product_param { num_output: 24 } }"
        'layer { name: "b" type: "InnerProduct" bottom: "x" top: "score" '
        "inner_product_param { num_output: 18 } }"
        'layer { name: "loss" type: "MultiBoxLoss" bottom: "place" bottom: "score" '
        f'bottom: "prior" bottom: "label" top: "loss" multibox_loss_param {{ {SSD} }} }}'
    )
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1'
    )
    with pytest.raises(NetError) as caught:
        protonet.train("solver.prototxt")
    shown = str(caught.value)
    assert "layer 'loss' (MultiBoxLoss) can't take this batch: a box has the label 0" in shown
    assert "labels count from 0" not in shown
