"""Small nets learn from lists: where things are in images, and how videos move."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

import protonet

SOLVER = """net: "net.prototxt" base_lr: {rate} lr_policy: "fixed" momentum: 0.9 max_iter: {steps}
test_iter: {tests} test_interval: {steps} random_seed: 3 snapshot_after_train: false
solver_mode: CPU"""

SEGMENTATION = """
layer {{ name: "data" type: "{type}" top: "data" top: "label" {train} include {{ phase: TRAIN }} }}
layer {{ name: "data" type: "{type}" top: "data" top: "label" {test} include {{ phase: TEST }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }}
layer {{ name: "up" type: "Deconvolution" bottom: "conv2" top: "up"
  convolution_param {{ num_output: 3 kernel_size: 2 stride: 2 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "up" bottom: "label" top: "loss"
  loss_param {{ ignore_label: 255 }} }}
layer {{ name: "accuracy" type: "SegAccuracy" bottom: "up" bottom: "label" top: "accuracy"
  seg_accuracy_param {{ ignore_label: 255 }} include {{ phase: TEST }} }}
"""

DEEPLAB = """image_data_param {{ source: "list.txt" batch_size: {batch} label_type: PIXEL
{fields} }} transform_param {{ mean_value: 90 scale: 0.01 {transform} }}"""
SEGNET = """dense_image_data_param {{ source: "list.txt" batch_size: {batch} {fields} }}
transform_param {{ mean_value: 90 scale: 0.01 }}"""
FORK = """seg_data_param {{ source: "list.txt" {fields} }}
transform_param {{ mean_value: 90 scale: 0.01 {transform} }}"""

DATA = {
    "ImageSegData": (
        DEEPLAB.format(
            batch=4,
            fields="shuffle: true",
            transform="crop_size: 32 mirror: true scale_factors: [0.75, 1, 1.25]",
        ),
        DEEPLAB.format(batch=4, fields="", transform="crop_size: 32"),
    ),
    "DenseImageData": (
        SEGNET.format(batch=4, fields="shuffle: true mirror: true crop_height: 24 crop_width: 20"),
        SEGNET.format(batch=1, fields=""),
    ),
    "SegData": (
        FORK.format(
            fields="shuffle: true",
            transform="mirror: true stride: 4 scale_ratios: [0.9, 1.1]",
        ),
        FORK.format(fields="", transform="stride: 2"),
    ),
}


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """Twelve images of a dark disc (1) and a bright square (2) on gray (0), of several sizes."""
    monkeypatch.chdir(tmp_path)
    random, lines = np.random.RandomState(0), []
    for number in range(12):
        size = 28 + 4 * (number % 3), 32
        labels = np.zeros(size, np.uint8)
        x, y = (int(random.randint(6, n // 2 - 2)) for n in (size[1], size[0]))
        cv2.circle(labels, (x, y), 5, 1, -1)
        cv2.rectangle(labels, (x + 10, y + 8), (x + 17, y + 15), 2, -1)
        image = np.array([[90, 90, 100], [30, 20, 60], [200, 160, 190]])[labels]
        noisy = np.clip(image + random.normal(0, 8, image.shape), 0, 255)
        cv2.imwrite(f"i{number}.png", noisy.astype(np.uint8))
        cv2.imwrite(f"m{number}.png", labels)
        lines.append(f"i{number}.png m{number}.png\n")
    Path("list.txt").write_text("".join(lines))


@pytest.mark.usefixtures("shapes")
@pytest.mark.parametrize("kind", DATA)
def test_a_net_learns_where_things_are(kind):
    train, test = DATA[kind]
    Path("net.prototxt").write_text(SEGMENTATION.format(type=kind, train=train, test=test))
    steps = 120 if kind == "SegData" else 60
    solver = SOLVER.format(rate=0.2, steps=steps, tests=3 if kind == "ImageSegData" else 12)
    Path("solver.prototxt").write_text(solver)
    trained = protonet.train("solver.prototxt", log="none")
    scores = trained.tests[0]
    (loss,) = (score.value for score in scores if score.blob == "loss")
    _, recall, overlap = (score.value for score in scores if score.blob == "accuracy")
    assert loss < math.log(3) / 5  # of guessing
    assert min(recall, overlap) > 0.7


VIDEO = """
layer {{ name: "data" type: "VideoData" top: "data" top: "label" {data} }}
layer {{ name: "each" type: "Reshape" bottom: "data" top: "each"
  reshape_param {{ shape {{ dim: -1 dim: 4 dim: 12 dim: 12 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "each" top: "conv"
  convolution_param {{ num_output: 6 kernel_size: 3 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param {{ pool: AVE global_pooling: true }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "segments" type: "Reshape" bottom: "fc" top: "segments"
  reshape_param {{ shape {{ dim: -1 dim: 1 dim: 3 dim: 2 }} }} }}
layer {{ name: "consensus" type: "Pooling" bottom: "segments" top: "consensus"
  pooling_param {{ pool: AVE kernel_h: 3 kernel_w: 1 }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "consensus" bottom: "label" top: "loss"
  softmax_param {{ axis: 3 }} }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "consensus" bottom: "label" top: "accuracy"
  accuracy_param {{ axis: 3 }} include {{ phase: TEST }} }}
"""


def test_a_segment_network_learns_which_way_videos_move(tmp_path, monkeypatch):
    """Flow up or down, which a mirror leaves alone."""
    monkeypatch.chdir(tmp_path)
    random, lines = np.random.RandomState(0), []
    for number in range(10):
        label = number % 2
        Path(f"v{number}").mkdir()
        for frame in range(1, 9):
            for side, middle in (("x", 128), ("y", 108 + 40 * label)):
                flow = np.clip(random.normal(middle, 20, (14, 16)), 0, 255).astype(np.uint8)
                cv2.imwrite(f"v{number}/flow_{side}_{frame:04d}.jpg", flow)
        lines.append(f"v{number} 8 {label}\n")
    Path("list.txt").write_text("".join(lines))
    data = (
        'video_data_param { source: "list.txt" batch_size: 5 new_length: 2 num_segments: 3 '
        "modality: FLOW shuffle: true } transform_param { crop_size: 12 mirror: true is_flow: true "
        "mean_value: 128 scale: 0.05 multi_scale: true fix_crop: true more_fix_crop: true }"
    )
    Path("net.prototxt").write_text(VIDEO.format(data=data))
    Path("solver.prototxt").write_text(SOLVER.format(rate=0.05, steps=25, tests=2))
    trained = protonet.train("solver.prototxt", log="none")
    scores = {score.blob: score.value for score in trained.tests[0]}
    assert scores["loss"] < math.log(2) / 5  # of guessing
    assert scores["accuracy"] == 1
