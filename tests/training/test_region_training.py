"""A small MS-CNN learns from a window file: proposals, then what they hold."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import protonet
from protonet.training.log import Log

NET = """
layer {
  name: "data" type: "ImageGtData" top: "data" top: "map_1" top: "map_2" top: "gt_boxes"
  transform_param { mirror: true mean_value: 128 }
  image_gt_data_param {
    source: "windows.txt" batch_size: 4 scale: 0.01 shuffle: true crop_width: 64 crop_height: 64
    downsample_rate: 8 downsample_rate: 8 field_w: 16 field_w: 30 field_h: 16 field_h: 30
    do_multiple_scale: true min_scale: 14 max_scale: 34 output_gt_boxes: true
  }
}
"""


def convolution(name, bottom, outputs, kernel, stride=1, relu=True):
    text = (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} stride: {stride} "
        f'pad: {kernel // 2} weight_filler {{ type: "msra" }} }} }}\n'
    )
    rest = f'layer {{ name: "{name}_relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
    return text + rest * relu


def mscnn():
    text = NET + convolution("conv1", "data", 16, 3, 2) + convolution("conv2", "conv1", 24, 3, 2)
    text += convolution("conv3", "conv2", 32, 3, 2) + convolution("conv4", "conv3", 32, 3)
    for number, size in ((1, 16), (2, 30)):
        text += convolution(f"head_{number}", "conv4", 7, 3, relu=False)
        text += (
            f'layer {{ name: "loss_{number}" type: "DetectionLoss" bottom: "head_{number}" '
            f'bottom: "map_{number}" top: "loss_{number}" loss_weight: 0.5 '
            f"detection_loss_param {{ cls_num: 3 field_w: {size} field_h: {size} "
            'downsample_rate: 8 sample_mode: "bootstrap" pos_neg_weighted: true } }\n'
        )
    text += """
layer {
  name: "proposals" type: "BoxOutput" bottom: "head_1" bottom: "head_2" top: "proposals"
  box_output_param {
    fg_thr: -5 iou_thr: 0.65 field_w: 16 field_w: 30 field_h: 16 field_h: 30
    downsample_rate: 8 downsample_rate: 8 max_nms_num: 100 min_size: 6
  }
  propagate_down: false propagate_down: false
}
layer {
  name: "rois" type: "ProposalTarget" bottom: "proposals" bottom: "gt_boxes" top: "rois"
  top: "labels" top: "targets" top: "inside" top: "outside" top: "match"
  proposal_target_param {
    cls_num: 3 batch_size: 64 num_img_per_batch: 4 img_width: 64 img_height: 64
  }
  bbox_reg_param { bbox_mean: 0 bbox_mean: 0 bbox_mean: 0 bbox_mean: 0
    bbox_std: 0.1 bbox_std: 0.1 bbox_std: 0.2 bbox_std: 0.2 }
  propagate_down: false propagate_down: false
}
layer {
  name: "pooled" type: "ROIPooling" bottom: "conv2" bottom: "rois" top: "pooled"
  roi_pooling_param { pooled_w: 5 pooled_h: 5 spatial_scale: 0.25 pad_ratio: 0.25 }
}
layer { name: "fc" type: "InnerProduct" bottom: "pooled" top: "fc"
  inner_product_param { num_output: 64 weight_filler { type: "msra" } } }
layer { name: "fc_relu" type: "ReLU" bottom: "fc" top: "fc" }
layer { name: "cls" type: "InnerProduct" bottom: "fc" top: "cls"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "bbox" type: "InnerProduct" bottom: "fc" top: "bbox"
  inner_product_param { num_output: 12 weight_filler { type: "gaussian" std: 0.001 } } }
layer { name: "loss_cls" type: "SoftmaxWithLoss" bottom: "cls" bottom: "labels" top: "loss_cls" }
layer { name: "loss_box" type: "SmoothL1Loss" bottom: "bbox" bottom: "targets" bottom: "inside"
  bottom: "outside" top: "loss_box" loss_weight: 1 }
layer { name: "right" type: "Accuracy" bottom: "cls" bottom: "labels" top: "right" }
layer { name: "overlap" type: "BboxAccuracy" bottom: "bbox" bottom: "rois" bottom: "match"
  top: "after" top: "before"
  bbox_reg_param { bbox_mean: 0 bbox_mean: 0 bbox_mean: 0 bbox_mean: 0
    bbox_std: 0.1 bbox_std: 0.1 bbox_std: 0.2 bbox_std: 0.2 } }
"""
    return text


def draw_shapes(number=60):
    """Images of squares and discs on noise, and their window file."""
    draw = np.random.default_rng(0)
    lines = []
    for index in range(number):
        image = draw.integers(0, 90, (96, 96, 3)).astype(np.uint8)
        rows = []
        for corner in ((6, 6), (52, 10), (28, 56))[: draw.integers(1, 4)]:
            side, label = int(draw.integers(14, 34)), int(draw.integers(1, 3))
            x, y = (int(c + draw.integers(0, 6)) for c in corner)
            color = tuple(int(c) for c in draw.integers(130, 255, 3))
            if label == 1:
                cv2.rectangle(image, (x, y), (x + side, y + side), color, -1)
            else:
                middle = x + side // 2, y + side // 2
                cv2.circle(image, middle, side // 2, color, -1)
            rows.append(f"{label} 0 {x} {y} {x + side} {y + side}")
        cv2.imwrite(f"{index}.png", image)
        lines += [f"# {index}", f"{index}.png", "3", "96", "96", str(len(rows)), *rows, "0"]
    Path("windows.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_mscnn_learns_from_its_window_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_shapes()
    Path("net.prototxt").write_text(mscnn())
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.002 momentum: 0.9 lr_policy: "step" stepsize: 400 '
        'gamma: 0.1 display: 10 max_iter: 500 random_seed: 1 type: "Adam" momentum2: 0.999 '
        "snapshot_after_train: false solver_mode: CPU"
    )
    heard = Heard()
    protonet.train("solver.prototxt", log=heard)
    early, late = heard.means(range(11)), heard.means(range(400, 500))
    assert late["loss_cls"] < 0.5 * early["loss_cls"]
    assert late["loss_1"] < 0.6 * early["loss_1"]
    assert late["right"] > 0.9
    assert late["after"] > late["before"]


class Heard(Log):
    """The blobs that are shown, by their iteration."""

    def __init__(self):
        self.scores = {}

    def trained(self, iteration, loss, scores, speed):
        if scores:
            self.scores[iteration] = {score.blob: score.value for score in scores}

    def means(self, iterations):
        rows = [self.scores[i] for i in iterations if i in self.scores]
        return {blob: np.mean([row[blob] for row in rows]) for blob in rows[0]}
