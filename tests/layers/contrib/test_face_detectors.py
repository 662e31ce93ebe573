"""The other layers of yuqj1991's detectors: focal softmax, fused BatchNorm, YOLOv3's boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yolo_reference
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, outputs, quick

import protonet
from protonet import NetError

seeds = st.integers(0, 2**16)
INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 3 dim: 2 dim: 4 } } }'
PHASES = ("TRAIN", "TEST")
FUSED = 'layer { name: "l" type: "BatchNormScale" bottom: "x" top: "x" %s }'


@settings(quick, max_examples=12)
@given(seeds, st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE"]), st.booleans())
def test_focal_softmax_loss(seed, mode, ignores):
    draw = np.random.default_rng(seed)
    x, labels = draw.normal(size=(2, 3, 2, 2)), draw.integers(0, 3, (2, 2, 2))
    fields = "ignore_label: 1" if ignores else ""
    fields = f"loss_param {{ normalization: {mode} {fields} }} loss_weight: 1 loss_weight: 0"
    net = compiled("focalSoftmaxWithLoss", fields, [x.shape, labels.shape], tops=2)
    loss, shown = outputs(net, x, labels)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    each = np.take_along_axis(p, labels[:, None], 1)[:, 0]
    each = -0.75 * (1 - each) ** 2 * np.log(each)
    counts = labels != 1 if ignores else labels >= 0
    sizes = {"FULL": 8, "VALID": max(1, counts.sum()), "BATCH_SIZE": 2, "NONE": 1}
    close(loss, each[counts].sum() / sizes[mode])
    close(shown, p)


def test_the_gradient_of_the_focal_softmax_loss():
    x, labels = np.random.default_rng(2).normal(size=(2, 3)), np.array([2.0, 0.0])
    net = compiled("focalSoftmaxWithLoss", "", [x.shape, labels.shape])
    assert gradients_hold(net, x, labels)


def fused(fields="", phase="TEST", faithful=True):
    text = INPUT + FUSED % fields
    return protonet.compile(text, phase=phase, outputs=["x"], faithful=faithful).double()


@settings(quick, max_examples=6)
@given(seeds, st.booleans())
def test_a_fused_batch_norm_goes_by_what_it_holds(seed, faithful):
    x = np.random.default_rng(seed).normal(size=(3, 2, 4))
    net = fused("batch_norm_param { eps: 0.25 }", faithful=faithful)
    mean, variance, factor, scale, bias = filled(net, seed, low=0.25)
    spread = np.sqrt(variance / factor + 0.25)
    wanted = (x - (mean / factor)[:, None]) / spread[:, None] * scale[:, None] + bias[:, None]
    close(outputs(net, x)[0], wanted)


def test_a_fused_batch_norm_trains_by_the_batch():
    x = np.random.default_rng(4).normal(size=(3, 2, 4))
    net = fused("batch_norm_param { moving_average_fraction: 0.9 }", "TRAIN")
    _, _, _, scale, bias = filled(net, 5)
    mean, spread = x.mean((0, 2)), np.sqrt(x.var((0, 2)) + 1e-5)
    wanted = (x - mean[:, None]) / spread[:, None] * scale[:, None] + bias[:, None]
    close(outputs(net, x)[0], wanted)
    assert gradients_hold(net, x)


def test_a_fused_batch_norm_by_what_it_holds_learns_no_scale():
    x = np.random.default_rng(6).normal(size=(3, 2, 4))
    nets = [fused("batch_norm_param { use_global_stats: true }", phase) for phase in PHASES]
    for net in nets:
        filled(net, 7, low=0.25)
    close(outputs(nets[0], x)[0], outputs(nets[1], x)[0])
    assert [name for name, _ in nets[0].named_parameters()] == ["l.bias"]
    assert [name for name, _ in nets[1].named_parameters()] == ["l.weight", "l.bias"]
    assert gradients_hold(nets[0], x)


def test_the_statistics_of_a_fused_batch_norm_are_not_learned():
    with pytest.raises(NetError, match="statistics must be 0, not 1"):
        fused("param { lr_mult: 0 } param { lr_mult: 1 }", "TRAIN")


def test_a_fused_batch_norm_is_in_place():
    text = INPUT + FUSED.replace('top: "x"', 'top: "y"') % ""
    with pytest.raises(NetError, match="scales the bottom without normalising it"):
        protonet.compile(text, outputs=["y"])


@settings(quick, max_examples=6)
@given(seeds, st.booleans())
def test_yolov3_detection(seed, stated):
    draw = np.random.default_rng(seed)
    maps = [draw.normal(size=(1, 2 * 7, n, n)) for n in (2, 4)]
    pairs = [(8, 12), (30, 22), (50, 60), (20, 40)]
    fields = "num_classes: 2 num_box: 2 mask_group_num: 2 anchors_scale: 32 anchors_scale: 16 "
    fields += "mask: 3 mask: 1 mask: 0 mask: 2 " + "nms_threshold: 0.2 " * stated
    fields += " ".join(f"biases: {v}" for pair in pairs for v in pair)
    fields = f"yolov3_detection_output_param {{ {fields} confidence_threshold: 0.3 }}"
    net = compiled("Yolov3Detection", fields, [x.shape for x in maps])
    p = {"all_classes": True, "threshold": 0.3, "nms": 0.2 if stated else 0.4}
    anchors = [[pairs[3], pairs[1]], [pairs[0], pairs[2]]]
    wanted = yolo_reference.detections(maps, 2, anchors, [32, 16], p)
    close(outputs(net, *maps)[0], wanted)


def test_boxes_that_overlap_by_just_the_threshold_go():
    x = torch.zeros(1, 7, 1, 1, dtype=torch.double)
    x[:, 4:] = 20  # two classes of one box, which overlap by 1
    fields = "num_classes: 2 num_box: 1 mask_group_num: 1 mask: 0 biases: 8 biases: 8 "
    fields += "anchors_scale: 32 nms_threshold: 1"
    found = {}
    for kind in ("Yolov3Detection", "Yolov3DetectionOutput"):
        net = compiled(kind, f"yolov3_detection_output_param {{ {fields} }}", [x.shape])
        found[kind] = net(x)["t0"].shape[2]
    assert found == {"Yolov3Detection": 1, "Yolov3DetectionOutput": 2}


def test_yolov3_detection_takes_square_maps():
    fields = "num_classes: 2 num_box: 1 mask_group_num: 1 mask: 0 biases: 8 biases: 8 "
    fields = f"yolov3_detection_output_param {{ {fields} anchors_scale: 32 }}"
    with pytest.raises(NetError, match="it takes square maps, not 1x7x2x3"):
        compiled("Yolov3Detection", fields, [(1, 7, 2, 3)])
