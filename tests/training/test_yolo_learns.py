"""A tiny YOLOv3 learns to find rendered shapes, by the losses and outputs of its fork."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import protonet
from protonet.cli.data import command as data
from protonet.data.detection.shapes import write_shapes

SIDE, BATCH, CLASSES = 64, 16, 3
ANCHORS = "biases: 10 biases: 10 biases: 16 biases: 16 biases: 24 biases: 24 biases: 32 biases: 32"
SCALES = [("8", 8, "mask: 0 mask: 1"), ("16", 16, "mask: 2 mask: 3")]


def block(name, bottom, channels, stride=1, kernel=3):
    pad = kernel // 2
    return f"""
    layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}"
      convolution_param {{ num_output: {channels} kernel_size: {kernel} pad: {pad} stride: {stride}
                          bias_term: false weight_filler {{ type: "msra" }} }} }}
    layer {{ name: "{name}/bn" type: "BatchNorm" bottom: "{name}" top: "{name}/bn"
      batch_norm_param {{ moving_average_fraction: 0.95 }} }}
    layer {{ name: "{name}/scale" type: "Scale" bottom: "{name}/bn" top: "{name}/bn"
      scale_param {{ bias_term: true }} }}
    layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}/bn" top: "{name}/bn" }}
    """


def definition():
    text = f"""
    layer {{ name: "data" type: "Input" top: "data" include {{ phase: TRAIN }}
      input_param {{ shape {{ dim: {BATCH} dim: 3 dim: {SIDE} dim: {SIDE} }} }} }}
    layer {{ name: "data" type: "Input" top: "data" include {{ phase: TEST }}
      input_param {{ shape {{ dim: 1 dim: 3 dim: {SIDE} dim: {SIDE} }} }} }}
    layer {{ name: "label" type: "Input" top: "label" include {{ phase: TRAIN }}
      input_param {{ shape {{ dim: {BATCH} dim: 1 dim: 8 dim: 5 }} }} }}
    """
    text += block("c1", "data", 16, 2) + block("c2", "c1/bn", 32, 2) + block("c3", "c2/bn", 48)
    text += block("c4", "c3/bn", 64, 2) + block("c5", "c4/bn", 64) + block("c6", "c5/bn", 96, 2)
    text += block("c7", "c6/bn", 96) + block("up", "c7/bn", 48, kernel=1)
    text += """
    layer { name: "upsample" type: "Upsample" bottom: "up/bn" top: "upsample"
      upsample_param { scale: 2 } }
    layer { name: "join" type: "Concat" bottom: "c5/bn" bottom: "upsample" top: "join" }
    """
    text += block("c8", "join", 64)
    heads = {"8": "c8/bn", "16": "c7/bn"}
    for scale, stride, mask in SCALES:
        text += f"""
        layer {{ name: "head{scale}" type: "Convolution" bottom: "{heads[scale]}" top: "map{scale}"
          convolution_param {{ num_output: 16 kernel_size: 1 weight_filler {{ type: "msra" }} }} }}
        layer {{ name: "loss{scale}" type: "Yolov3" bottom: "map{scale}" bottom: "label"
          top: "loss{scale}" include {{ phase: TRAIN }}
          yolov3_param {{ num_class: {CLASSES} num: 2 {mask} {ANCHORS} anchors_scale: {stride}
            thresh: 0.6 object_scale: 5 noobject_scale: 1 class_scale: 1 coord_scale: 1 }} }}
        """
    return (
        text
        + f"""
    layer {{ name: "found" type: "Yolov3DetectionOutput" bottom: "map8" bottom: "map16"
      top: "found" include {{ phase: TEST }}
      yolov3_detection_output_param {{ num_classes: {CLASSES} num_box: 2 mask_group_num: 2
        confidence_threshold: 0.05 nms_threshold: 0.45 mask: 0 mask: 1 mask: 2 mask: 3 {ANCHORS}
        anchors_scale: 8 anchors_scale: 16 }} }}
    """
    )


def rendered(draw):
    """An image of 1 to 3 squares, discs and crosses over noise, and their boxes."""
    image = draw.normal(0, 0.25, (3, SIDE, SIDE)).astype(np.float32)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    truth, taken = np.zeros((8, 5), np.float32), np.zeros((SIDE, SIDE), bool)
    for _ in range(draw.integers(1, 4)):
        half = draw.uniform(4, 16)
        cx, cy = draw.uniform(half, SIDE - half, 2)
        dx, dy = abs(x - cx), abs(y - cy)
        inside = np.maximum(dx, dy) <= half
        if taken[inside].any():
            continue
        taken |= inside
        kind = draw.integers(CLASSES)
        arms = inside & (np.minimum(dx, dy) <= half / 3)
        shape = (inside, dx**2 + dy**2 <= half**2, arms)[kind]
        image[:, shape] = draw.uniform(0.5, 1, (3, 1)) * draw.choice([-1, 1])
        truth[int((truth[:, 3] > 0).sum())] = kind, *(np.array([cx, cy, 2 * half, 2 * half]) / SIDE)
    return image, truth


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = np.prod(np.clip(high - low, 0, None))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def average_precision(found, truth, kind):
    """The area under precision by recall of a class, at an overlap of a half."""
    hits, used = [], set()
    real = {
        (i, k): np.concatenate([t[1:3] - t[3:] / 2, t[1:3] + t[3:] / 2])
        for i, rows in enumerate(truth)
        for k, t in enumerate(rows)
        if t[3] and t[0] == kind
    }
    mine = sorted(
        ((r[2], i, r[3:]) for i, rows in enumerate(found) for r in rows if r[1] == kind + 1),
        key=lambda r: -r[0],
    )
    for _, image, box in mine:
        near = [(overlap(box, b), at) for at, b in real.items() if at[0] == image]
        most, at = max(near, default=(0, None))
        hits.append(most >= 0.5 and at not in used)
        used.add(at)
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return (best * hits).sum() / len(real)


@pytest.mark.slow
def test_a_tiny_yolov3_learns_rendered_shapes(tmp_path):
    torch.manual_seed(1)
    draw = np.random.default_rng(1)
    images, truth = map(np.stack, zip(*(rendered(draw) for _ in range(3100)), strict=True))
    images, labels = torch.from_numpy(images), torch.from_numpy(truth)[:, None]
    net = protonet.compile(definition(), phase="TRAIN", outputs=["objective"]).train()
    steps, losses = 1500, []
    optimizer = torch.optim.Adam(net.parameters(), 0.004)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.004, steps)
    for _ in range(steps):
        at = torch.from_numpy(draw.integers(0, 3000, BATCH))
        (loss,) = net(images[at], labels[at]).values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert np.mean(losses[-50:]) < np.mean(losses[:50]) / 5
    protonet.save(net, tmp_path / "yolo.caffemodel")
    test = protonet.compile(
        definition(), outputs=["found"], weights=tmp_path / "yolo.caffemodel"
    ).eval()
    with torch.no_grad():
        found = [test(x[None])["found"][0, 0].numpy() for x in images[3000:]]
    scores = [average_precision(found, truth[3000:], kind) for kind in range(CLASSES)]
    assert np.mean(scores) > 0.8, scores


# The set that the small SSD learns, in MobileNet-YOLO's form of the truth.
DATA = """
layer { name: "data" type: "AnnotatedData" top: "data" top: "label" include { phase: TRAIN }
  transform_param { mean_value: 127.5 scale: 0.0157 resize_param { height: 64 width: 64 } }
  data_param { source: "drawn/train_lmdb" batch_size: 16 backend: LMDB }
  annotated_data_param { yolo_data_type: 1 label_map_file: "drawn/labelmap.prototxt" } }
layer { name: "data" type: "Input" top: "data" include { phase: TEST }
  input_param { shape { dim: 1 dim: 3 dim: 64 dim: 64 } } }
"""
SOLVER = """
net: "yolo.prototxt" base_lr: 0.002 type: "Adam" momentum: 0.9 momentum2: 0.999 random_seed: 1
lr_policy: "multistep" gamma: 0.1 stepvalue: 900 max_iter: 1200 display: 0 snapshot_prefix: "yolo"
"""


def drawn(name, classes):
    """An image of the set as the net takes it, and its boxes: class, center and size."""
    image = cv2.imread(f"drawn/JPEGImages/{name}.jpg").astype(np.float32).transpose(2, 0, 1)
    truth = np.zeros((8, 5))
    for row, element in enumerate(ET.parse(f"drawn/Annotations/{name}.xml").iter("object")):
        sides = ("xmin", "ymin", "xmax", "ymax")
        box = np.array([float(element.findtext(f"bndbox/{side}")) for side in sides]) / SIDE
        truth[row, 0] = classes.index(element.findtext("name"))
        truth[row, 1:] = *((box[:2] + box[2:]) / 2), *(box[2:] - box[:2])
    return (image - 127.5) * 0.0157, truth


@pytest.mark.slow
def test_it_learns_the_set_of_the_small_ssd_from_its_database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shapes(Path("drawn"), train=600, test=100, size=SIDE, seed=0, force=False)
    given = ["annotated", "drawn", "--set", "train", "-o", "drawn/train_lmdb", "--shuffle"]
    assert CliRunner().invoke(data, given, catch_exceptions=False).exit_code == 0
    text = definition()
    Path("yolo.prototxt").write_text(DATA + text[text.index('layer { name: "c1"') :])
    Path("solver.prototxt").write_text(SOLVER)
    protonet.train("solver.prototxt", log="none")
    net = protonet.compile("yolo.prototxt", outputs=["found"], weights="yolo_iter_1200.caffemodel")
    names = Path("drawn/ImageSets/Main/test.txt").read_text().split()
    labels = Path("drawn/labelmap.prototxt").read_text()
    classes = re.findall(r'^  name: "(\w+)"', labels, re.MULTILINE)[1:]  # without the background
    images, truth = zip(*(drawn(name, classes) for name in names), strict=True)
    with torch.no_grad():
        inputs = (torch.from_numpy(x[None]) for x in images)
        found = [net.eval()(x)["found"][0, 0].numpy() for x in inputs]
    scores = [average_precision(found, truth, kind) for kind in range(CLASSES)]
    assert np.mean(scores) > 0.8, scores
