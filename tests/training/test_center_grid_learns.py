"""A detector without prior boxes learns drawn faces and their landmarks from its own databases."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import protonet
from protonet.cli.test import command as evaluation
from protonet.cli.train import command as training
from tests.data.annotated_records import record, write

SIDE, BATCH, TEST = 64, 16, 5
# The points of a face, in parts of its box: eyes, nose, corners of the mouth.
POINTS = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
SCALES = ((4, 10, 8, 16), (8, 20, 16, 30), (16, 40, 30, 64))  # stride, bias_scale, sides


def face(draw):
    """A picture of one or two ovals with dots, and their boxes and landmarks."""
    image = draw.normal(128, 20, (SIDE, SIDE, 3))
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    boxes, taken = [], np.zeros((SIDE, SIDE), bool)
    for _ in range(draw.integers(1, 3)):
        half = draw.uniform(5, 25)
        middle = draw.uniform(half, SIDE - half, 2)
        dx, dy = x - middle[0], y - middle[1]
        if taken[(abs(dx) <= half) & (abs(dy) <= half)].any():
            continue
        taken |= (abs(dx) <= half) & (abs(dy) <= half)
        image[dx**2 + dy**2 <= half**2] = draw.uniform(190, 250)
        points = middle - half + 2 * half * POINTS
        for px, py in points:
            image[(x - px) ** 2 + (y - py) ** 2 <= max(1, half / 8) ** 2] = 20
        x1, y1, x2, y2 = np.concatenate([middle - half, middle + half]) / SIDE
        box = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "label": 1, "instance": 0, "difficult": 0}
        boxes.append({**box, "marks": list((points / SIDE).ravel())})
    return image.clip(0, 255).astype(np.uint8), boxes


def block(name, bottom, channels, stride=1):
    return f"""
    layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}"
      convolution_param {{ num_output: {channels} kernel_size: 3 pad: 1 stride: {stride}
                          bias_term: false weight_filler {{ type: "msra" }} }} }}
    layer {{ name: "{name}/bn" type: "BatchNormScale" bottom: "{name}" top: "{name}" }}
    layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}
    """


def data(phase, batch, fields):
    return f"""
    layer {{ name: "data" type: "AnnotatedData" top: "data" top: "label"
      include {{ phase: {phase} }}
      transform_param {{ scale: 0.02 mean_value: 128 mean_value: 128 mean_value: 128
        resize_param {{ height: {SIDE} width: {SIDE} }} }}
      data_param {{ source: "{phase.lower()}_lmdb" batch_size: {batch} backend: LMDB }}
      annotated_data_param {{ anno_type: BBOX has_landmarks: true {fields} }} }}
    """


def definition():
    text = data("TRAIN", BATCH, "yoloformat: true crop_type: CROP_JITTER") + data("TEST", TEST, "")
    text += block("c1", "data", 16, 2) + block("c2", "c1", 32, 2) + block("c3", "c2", 32)
    text += block("d1", "c3", 48, 2) + block("d2", "d1", 48)
    text += block("e1", "d2", 64, 2) + block("e2", "e1", 64)
    for (stride, scale, low, high), bottom in zip(SCALES, ("c3", "d2", "e2"), strict=True):
        text += f"""
        layer {{ name: "map{stride}" type: "Convolution" bottom: "{bottom}" top: "map{stride}"
          convolution_param {{ num_output: 16 kernel_size: 3 pad: 1
                              weight_filler {{ type: "msra" }} }} }}
        layer {{ name: "loss{stride}" type: "CenterGridLoss" bottom: "map{stride}" bottom: "label"
          top: "loss{stride}" include {{ phase: TRAIN }} center_object_loss_param {{
            num_class: 2 class_type: SOFTMAX has_lm: true bias_num: 1 bias_scale: {scale}
            low_bbox_scale: {low} up_bbox_scale: {high} net_height: {SIDE} net_width: {SIDE} }} }}
        """
    return (
        text
        + f"""
    layer {{ name: "found" type: "CenterGridOutput" bottom: "map4" bottom: "map8" bottom: "map16"
      top: "found" include {{ phase: TEST }} detection_output_param {{ num_classes: 2
        class_type: SOFTMAX has_lm: true net_height: {SIDE} net_width: {SIDE} nms_thresh: 0.3
        bias_scale: 10 bias_scale: 20 bias_scale: 40 confidence_threshold: 0.1 }} }}
    layer {{ name: "judge" type: "DetectionEvaluate" bottom: "found" bottom: "label"
      top: "detection_eval" include {{ phase: TEST }}
      detection_evaluate_param {{ num_classes: 2 has_lm: true }} }}
    """
    )


@pytest.mark.slow
def test_a_detector_of_faces_learns_from_its_databases(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    made = [face(draw) for _ in range(850)]
    write("train_lmdb", [record(*one) for one in made[:800]])
    write("test_lmdb", [record(*one) for one in made[800:]])
    Path("net.prototxt").write_text(definition())
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" type: "Adam" base_lr: 0.003 lr_policy: "multistep" stepvalue: 700 '
        "gamma: 0.1 max_iter: 900 display: 20 random_seed: 1 momentum: 0.9 momentum2: 0.999"
    )
    done = CliRunner().invoke(training, ["solver.prototxt", "--device", "cpu", "--log", "json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    losses = [line["loss"] for line in lines if line["event"] == "train"]
    assert losses[-1] < losses[0] / 5
    weights = next(Path().glob("*.caffemodel"))
    arguments = ["net.prototxt", "--weights", weights, "--iterations", 10, "--device", "cpu"]
    done = CliRunner().invoke(evaluation, [str(one) for one in arguments])
    assert float(re.search(r"detection_eval = ([\d.]+)", done.stdout)[1]) > 0.8, done.output
    net = protonet.compile("net.prototxt", weights=str(weights), outputs=["found"]).eval()
    assert across(net, made[800:]) < 0.1


def across(net, made):
    """The mean distance of the best boxes' landmarks from the true ones' x, in parts of a box.

    Of y the fork says something else: it starts from the place's column.
    """
    apart = []
    for image, boxes in made:
        x = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) - 128)[None] * 0.02
        with torch.no_grad():
            rows = net(x.expand(TEST, -1, -1, -1), torch.zeros(1, 1, 1, 19))["found"][0, 0].numpy()
        row = max(rows[rows[:, 0] == 0], key=lambda row: row[2])
        near = min(boxes, key=lambda box: abs(box["x1"] - row[3]) + abs(box["y1"] - row[4]))
        wanted = np.array(near["marks"][::2])
        apart.append(abs(row[7::2] - wanted).mean() / (near["x2"] - near["x1"]))
    return np.mean(apart)
