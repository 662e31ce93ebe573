"""Whole detectors: they compile in both phases, run, learn, and stand alone as files."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from one_process import run_alone

import protonet

BODY = """
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param {{ num_output: 8 kernel_size: 3 stride: 16 pad: 1
                            weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "rpn_cls_score" type: "Convolution" bottom: "conv" top: "rpn_cls_score"
        convolution_param {{ num_output: 18 kernel_size: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "rpn_bbox_pred" type: "Convolution" bottom: "conv" top: "rpn_bbox_pred"
        convolution_param {{ num_output: 36 kernel_size: 1
                            weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
layer {{ name: "rpn_reshape" type: "Reshape" bottom: "rpn_cls_score" top: "rpn_reshape"
        reshape_param {{ shape {{ dim: 0 dim: 2 dim: -1 dim: 0 }} }} }}
layer {{ name: "rpn_prob" type: "Softmax" bottom: "rpn_reshape" top: "rpn_prob" }}
layer {{ name: "rpn_back" type: "Reshape" bottom: "rpn_prob" top: "rpn_back"
        reshape_param {{ shape {{ dim: 0 dim: 18 dim: -1 dim: 0 }} }} }}
layer {{ name: "proposal" type: "Python" bottom: "rpn_back" bottom: "rpn_bbox_pred"
        bottom: "im_info" top: "{regions}"
        python_param {{ module: "rpn.proposal_layer" layer: "ProposalLayer"
                       param_str: "'feat_stride': 16" }} }}
"""
LEARN = """
layer { name: "input-data" type: "Python" top: "data" top: "im_info" top: "gt_boxes"
        python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer"
                       param_str: "'num_classes': 4" } }
"""
TARGETS = """
layer { name: "rpn-data" type: "Python" bottom: "rpn_cls_score" bottom: "gt_boxes"
        bottom: "im_info" bottom: "data" top: "rpn_labels" top: "rpn_targets" top: "rpn_inside"
        top: "rpn_outside"
        python_param { module: "rpn.anchor_target_layer" layer: "AnchorTargetLayer"
                       param_str: "'feat_stride': 16" } }
layer { name: "rpn_cls" type: "SoftmaxWithLoss" bottom: "rpn_reshape" bottom: "rpn_labels"
        propagate_down: 1 propagate_down: 0 top: "rpn_cls" loss_weight: 1
        loss_param { ignore_label: -1 normalize: true } }
layer { name: "rpn_loss_bbox" type: "SmoothL1Loss" bottom: "rpn_bbox_pred" bottom: "rpn_targets"
        bottom: "rpn_inside" bottom: "rpn_outside" top: "rpn_loss_bbox" loss_weight: 1
        smooth_l1_loss_param { sigma: 3.0 } }
layer { name: "roi-data" type: "Python" bottom: "rpn_rois" bottom: "gt_boxes" top: "rois"
        top: "labels" top: "bbox_targets" top: "bbox_inside" top: "bbox_outside"
        python_param { module: "rpn.proposal_target_layer" layer: "ProposalTargetLayer"
                       param_str: "'num_classes': 4" } }
"""
FAST = """
layer { name: "pool5" type: "ROIPooling" bottom: "conv" bottom: "rois" top: "pool5"
        roi_pooling_param { pooled_w: 3 pooled_h: 3 spatial_scale: 0.0625 } }
layer { name: "cls_score" type: "InnerProduct" bottom: "pool5" top: "cls_score"
        inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "bbox_pred" type: "InnerProduct" bottom: "pool5" top: "bbox_pred"
        inner_product_param { num_output: 16 weight_filler { type: "xavier" } } }
"""
FAST_LOSSES = """
layer { name: "loss_cls" type: "SoftmaxWithLoss" bottom: "cls_score" bottom: "labels"
        top: "loss_cls" }
layer { name: "loss_bbox" type: "SmoothL1Loss" bottom: "bbox_pred" bottom: "bbox_targets"
        bottom: "bbox_inside" bottom: "bbox_outside" top: "loss_bbox" }
"""
OHEM_LOSSES = """
layer { name: "each_cls" type: "SoftmaxWithLossOHEM" bottom: "cls_score" bottom: "labels"
        top: "temp_cls" top: "temp_prob" top: "each_cls" loss_weight: 0 loss_weight: 0
        loss_weight: 0 propagate_down: false propagate_down: false }
layer { name: "each_bbox" type: "SmoothL1LossOHEM" bottom: "bbox_pred" bottom: "bbox_targets"
        bottom: "bbox_inside" top: "temp_bbox" top: "each_bbox" loss_weight: 0 loss_weight: 0
        propagate_down: false propagate_down: false propagate_down: false }
layer { name: "each" type: "Eltwise" bottom: "each_cls" bottom: "each_bbox" top: "each" }
layer { name: "annotator" type: "BoxAnnotatorOHEM" bottom: "rois" bottom: "each" bottom: "labels"
        bottom: "bbox_inside" top: "labels_ohem" top: "weights_ohem"
        box_annotator_ohem_param { roi_per_img: 16 ignore_label: -1 } }
layer { name: "silence" type: "Silence" bottom: "bbox_outside" bottom: "temp_cls"
        bottom: "temp_prob" bottom: "temp_bbox" }
layer { name: "loss_cls" type: "SoftmaxWithLoss" bottom: "cls_score" bottom: "labels_ohem"
        top: "loss_cls" loss_param { ignore_label: -1 } }
layer { name: "loss_bbox" type: "SmoothL1LossOHEM" bottom: "bbox_pred" bottom: "bbox_targets"
        bottom: "weights_ohem" top: "loss_bbox"
        loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 16 } }
"""
INPUTS = """
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 224 dim: 256 } } }
layer { name: "im_info" type: "Input" top: "im_info" input_param { shape { dim: 1 dim: 3 } } }
"""
DEPLOY = INPUTS + BODY.format(regions="rois") + FAST
TRAIN = {
    "faster": LEARN + BODY.format(regions="rpn_rois") + TARGETS + FAST + FAST_LOSSES,
    "ohem": LEARN + BODY.format(regions="rpn_rois") + TARGETS + FAST + OHEM_LOSSES,
}


def picture():
    torch.manual_seed(0)
    boxes = torch.tensor([[10.0, 20, 120, 100, 1], [60, 30, 200, 190, 3]])
    return torch.randn(1, 3, 224, 256), torch.tensor([[224.0, 256, 1]]), boxes


def test_faster_rcnn_finds_regions():
    data, size, _ = picture()
    found = protonet.compile(DEPLOY, outputs=["rois", "cls_score", "bbox_pred"])(data, size)
    many = len(found["rois"])
    assert 1 < many <= 300
    assert [tuple(v.shape) for v in found.values()] == [(many, 5), (many, 4), (many, 16)]
    assert (found["rois"][:, 3:] - found["rois"][:, 1:3] + 1 >= 16).all()


# In training a ProposalTargetLayer notes that its targets are divided.
@pytest.mark.filterwarnings("ignore:.*its targets are divided:protonet.diagnostics.AsInCaffe")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "ohem" else n for n in sorted(TRAIN)]
)
def test_faster_rcnn_learns(name):
    net = protonet.compile(TRAIN[name], phase="TRAIN", shapes={"data": (1, 3, 224, 256)})
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        objective = net(*picture())["objective"]
        objective.backward()
        optimizer.step()
        losses.append(objective.item())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.filterwarnings("ignore:.*its targets are divided:protonet.diagnostics.AsInCaffe")
@pytest.mark.parametrize("name", ["deploy", *sorted(TRAIN)])
def test_the_file_runs_alone(tmp_path, name):
    phase = "TEST" if name == "deploy" else "TRAIN"
    shapes = {"data": (1, 3, 224, 256)}
    text = protonet.emit({"deploy": DEPLOY, **TRAIN}[name], phase=phase, shapes=shapes)
    (tmp_path / "net.py").write_text(text)
    assert run_alone(tmp_path / "net.py")
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", "net.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "protonet" not in text.replace("by protonet.", "")
