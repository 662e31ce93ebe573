"""A small Faster R-CNN learns a drawn set end to end, from a folder in Pascal VOC's form."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
import torch

import protonet
from protonet.data.detection.shapes import write_shapes

SIDE, MEANS = 96, (102.9801, 115.9465, 122.7717)
ANCHORS = "'feat_stride': 8, 'scales': [1.25, 2, 3], 'ratios': [1]"
CLASSES = ("circle", "square", "triangle")


def python(name, bottoms, tops, module, layer, param_str):
    ends = [f'bottom: "{b}"' for b in bottoms] + [f'top: "{t}"' for t in tops]
    return (
        f'layer {{ name: "{name}" type: "Python" {" ".join(ends)} python_param {{ '
        f'module: "{module}" layer: "{layer}" param_str: "{param_str}" }} }}\n'
    )


def learned(name, bottom, kind, fields, active=True):
    text = f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" {fields} }}\n'
    if active:
        text += f'layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
    return text


def convolution(name, bottom, channels, kernel=3, stride=1, active=True):
    fields = f"num_output: {channels} kernel_size: {kernel} pad: {kernel // 2} stride: {stride}"
    filler = 'type: "msra"' if active else 'type: "gaussian" std: 0.01'
    fields = f"convolution_param {{ {fields} weight_filler {{ {filler} }} }}"
    return learned(name, bottom, "Convolution", fields, active)


def inner_product(name, bottom, outputs, std=None):
    filler = 'type: "msra"' if std is None else f'type: "gaussian" std: {std}'
    fields = f"inner_product_param {{ num_output: {outputs} weight_filler {{ {filler} }} }}"
    return learned(name, bottom, "InnerProduct", fields, active=std is None)


def trunk():
    text = (
        'layer { name: "unit" type: "Power" bottom: "data" top: "unit" '
        "power_param { scale: 0.0157 } }\n"
    )
    text += convolution("c1", "unit", 16, stride=2) + convolution("c2", "c1", 32, stride=2)
    text += convolution("c3", "c2", 48, stride=2) + convolution("c4", "c3", 64)
    text += convolution("rpn", "c4", 64) + convolution("score", "rpn", 6, 1, active=False)
    return text + convolution("rpn_box", "rpn", 12, 1, active=False)


def proposed(rois):
    """From scores to regions. Source of the shapes: py-faster-rcnn's end2end nets."""
    reshape = 'layer { name: "%s" type: "Reshape" bottom: "%s" top: "%s" %s }\n'
    two = "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 0 } }"
    back = "reshape_param { shape { dim: 0 dim: 6 dim: -1 dim: 0 } }"
    text = 'layer { name: "prob" type: "Softmax" bottom: "score2" top: "prob" }\n'
    text += reshape % ("prob6", "prob", "prob6", back)
    layer = ("rpn.proposal_layer", "ProposalLayer", ANCHORS)
    text += python("proposal", ("prob6", "rpn_box", "im_info"), (rois,), *layer)
    return reshape % ("score2", "score", "score2", two) + text


def judged(rois):
    return (
        f'layer {{ name: "pool" type: "ROIPooling" bottom: "c4" bottom: "{rois}" top: "pool" '
        "roi_pooling_param { pooled_w: 5 pooled_h: 5 spatial_scale: 0.125 } }\n"
        + inner_product("fc", "pool", 128)
        + inner_product("cls_score", "fc", 4, 0.01)
        + inner_product("bbox_pred", "fc", 16, 0.001)
    )


def train_net():
    options = f"'num_classes': 4, 'source': 'drawn', 'set': 'train', 'scales': [{SIDE}]"
    tops = ("data", "im_info", "gt_boxes")
    text = python("input", (), tops, "roi_data_layer.layer", "RoIDataLayer", options) + trunk()
    targets = ("labels", "targets", "inside", "outside")
    text += python(
        "anchors",
        ("score", "gt_boxes", "im_info", "data"),
        [f"rpn_{t}" for t in targets],
        "rpn.anchor_target_layer",
        "AnchorTargetLayer",
        ANCHORS,
    )
    text += proposed("rpn_rois")
    text += python(
        "sample",
        ("rpn_rois", "gt_boxes"),
        ("rois", *targets),
        "rpn.proposal_target_layer",
        "ProposalTargetLayer",
        "'num_classes': 4",
    )
    text += judged("rois")
    for scores, boxes, prefix in (("score2", "rpn_box", "rpn_"), ("cls_score", "bbox_pred", "")):
        bottoms = " ".join(f'bottom: "{prefix}{t}"' for t in targets[1:])
        text += (
            f'layer {{ name: "{prefix}cls_loss" type: "SoftmaxWithLoss" bottom: "{scores}" '
            f'bottom: "{prefix}labels" top: "{prefix}cls_loss" loss_param {{ ignore_label: -1 '
            f'normalize: true }} }}\nlayer {{ name: "{prefix}box_loss" type: "SmoothL1Loss" '
            f'bottom: "{boxes}" {bottoms} top: "{prefix}box_loss" '
            f"smooth_l1_loss_param {{ sigma: {3 if prefix else 1} }} }}\n"
        )
    return text


def deploy_net():
    text = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {dims} }} }} }}\n"
        for name, dims in (
            ("data", f"dim: 1 dim: 3 dim: {SIDE} dim: {SIDE}"),
            ("im_info", "dim: 1 dim: 3"),
        )
    )
    text += trunk() + proposed("rois") + judged("rois")
    return text + 'layer { name: "cls_prob" type: "Softmax" bottom: "cls_score" top: "cls_prob" }\n'


SOLVER = """
train_net: "train.prototxt" base_lr: 0.001 lr_policy: "multistep" gamma: 0.1 stepvalue: 900
max_iter: 1200 type: "Adam" momentum: 0.9 momentum2: 0.999 random_seed: 1 display: 200
average_loss: 200 snapshot_prefix: "rcnn"
"""


def found_in(net, image):
    """Boxes as py-faster-rcnn's im_detect gives them: class, score, corners, best first."""
    x = torch.from_numpy((image - np.array(MEANS, np.float32)).transpose(2, 0, 1)[None])
    with torch.no_grad():
        out = net(x, torch.tensor([[SIDE, SIDE, 1.0]]))
    rois, deltas, scores = (out[k].numpy() for k in ("rois", "bbox_pred", "cls_prob"))
    rows = []
    for kind in range(1, 4):
        own = deltas[:, 4 * kind : 4 * kind + 4]
        size = rois[:, 3:] - rois[:, 1:3] + 1
        center = rois[:, 1:3] + size / 2 + own[:, :2] * size
        half = np.exp(own[:, 2:]) * size / 2
        boxes = np.concatenate([center - half, center + half], 1)
        left = list(np.argsort(-scores[:, kind]))
        while left:
            best, *left = left
            rows.append((kind, scores[best, kind], boxes[best]))
            left = [at for at in left if overlap(boxes[best], boxes[at]) <= 0.3]
    return rows


def overlap(a, b):
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = sides.prod()
    return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)


def average_precision(found, truth, kind):
    """The area under precision by recall of a class, at an overlap of a half."""
    real = [(i, k) for i, rows in enumerate(truth) for k, row in enumerate(rows) if row[0] == kind]
    mine = [(s, i, box) for i, rows in enumerate(found) for label, s, box in rows if label == kind]
    hits, used = [], set()
    for _, image, box in sorted(mine, key=lambda row: -row[0]):
        near = [(overlap(box, truth[i][k][1]), (i, k)) for i, k in real if i == image]
        most, at = max(near, default=(0, None))
        hits.append(most >= 0.5 and at not in used)
        if hits[-1]:
            used.add(at)
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(right) + 1)
    return (np.maximum.accumulate(precision[::-1])[::-1] * hits).sum() / len(real)


def truth_of(name):
    sides = ("xmin", "ymin", "xmax", "ymax")
    return [
        (
            CLASSES.index(element.findtext("name")) + 1,
            np.array([float(element.findtext(f"bndbox/{side}")) - 1 for side in sides]),
        )
        for element in ET.parse(f"drawn/Annotations/{name}.xml").iter("object")
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::protonet.diagnostics.AsInCaffe")  # the note on targets
def test_it_learns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shapes(Path("drawn"), train=600, test=100, size=SIDE, seed=0, force=False)
    Path("train.prototxt").write_text(train_net())
    Path("solver.prototxt").write_text(SOLVER)
    protonet.train("solver.prototxt", log="none")
    evaluate()


def evaluate():
    outputs = ("rois", "bbox_pred", "cls_prob")
    net = protonet.compile(deploy_net(), weights="rcnn_iter_1200.caffemodel", outputs=outputs)
    spread = torch.tensor([0.1, 0.1, 0.2, 0.2]).repeat(4)  # as SolverWrapper.snapshot does it
    net.bbox_pred.weight.data *= spread[:, None]
    net.bbox_pred.bias.data *= spread
    names = Path("drawn/ImageSets/Main/test.txt").read_text().split()
    found = [found_in(net.eval(), cv2.imread(f"drawn/JPEGImages/{name}.jpg")) for name in names]
    truth = [truth_of(name) for name in names]
    scores = [average_precision(found, truth, kind) for kind in range(1, 4)]
    assert np.mean(scores) > 0.8, scores
