"""YOLOv2 from its own records: trained, and tested by mean average precision."""

from __future__ import annotations

import cv2
import lmdb
import numpy as np
import pytest
import torch

import protonet
from protonet.schema.pool import message_class

NET = """
layer { name: "data" type: "BoxData" top: "data" top: "label" include { phase: TRAIN }
        transform_param { force_color: true scale: 0.004 }
        data_param { source: "db" backend: LMDB batch_size: 4 side: 4 } }
layer { name: "data" type: "BoxData" top: "data" top: "label" include { phase: TEST }
        transform_param { force_color: true scale: 0.004 }
        data_param { source: "db" backend: LMDB batch_size: 1 side: 4 } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" convolution_param {
        num_output: 16 kernel_size: 5 pad: 2 stride: 4 weight_filler { type: "msra" } } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "c2" type: "Convolution" bottom: "c1" top: "c2" convolution_param {
        num_output: 32 kernel_size: 3 pad: 1 stride: 2 weight_filler { type: "msra" } } }
layer { name: "r2" type: "ReLU" bottom: "c2" top: "c2" }
layer { name: "c3" type: "Convolution" bottom: "c2" top: "map" convolution_param {
        num_output: 7 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "loss" type: "RegionLoss" bottom: "map" bottom: "label" top: "loss"
        include { phase: TRAIN }
        region_loss_param { side: 4 num_class: 2 num: 1 biases: 2 biases: 2 } }
layer { name: "found" type: "DetectionOutput" bottom: "map" top: "found" include { phase: TEST }
        detection_output_param { side: 4 num_classes: 2 num_box: 1
        biases: 2 biases: 2 confidence_threshold: 0.3 } }
layer { name: "judged" type: "DetectionEvaluate" bottom: "found" bottom: "label" top: "mAP"
        include { phase: TEST } detection_evaluate_param { num_classes: 2 } }
"""
SOLVER = """
net: "net.prototxt" base_lr: 0.005 momentum: 0.9 lr_policy: "fixed" max_iter: 400 snapshot: 0
test_iter: 8 test_interval: 400 test_initialization: false eval_type: "detection"
ap_version: "11point" random_seed: 1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Eight images of 32x32, each with a square of one colour in a quarter."""
    monkeypatch.chdir(tmp_path)
    opened = lmdb.open("db", map_size=1 << 22)
    with opened, opened.begin(write=True) as transaction:
        for number in range(8):
            label, (row, column) = number // 4, divmod(number % 4, 2)
            image = np.zeros((32, 32, 3), np.uint8)
            image[16 * row : 16 * row + 16, 16 * column : 16 * column + 16, label] = 250
            datum = message_class("Datum")(encoded=True)
            datum.data = cv2.imencode(".png", image)[1].tobytes()
            sides = 0.25 + column / 2, 0.25 + row / 2, 0.5, 0.5
            datum.float_data.extend([label, 0, *sides])
            transaction.put(b"%08d" % number, datum.SerializeToString())
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_it_learns_and_is_judged(capsys):
    torch.manual_seed(0)
    protonet.train("solver.prototxt", log="caffe")
    told = [line for line in capsys.readouterr().err.splitlines() if "mAP = " in line]
    assert float(told[-1].rpartition(" = ")[2]) > 0.8
