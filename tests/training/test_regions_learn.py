"""A small Faster R-CNN learns to find rendered shapes, from a Pascal VOC folder to boxes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
import torch

import protonet
from protonet.data.detection.shapes import CLASSES, write_shapes

MEAN = np.float32([102.9801, 115.9465, 122.7717])
SIDE, STEPS = 96, 320
ANCHORS = "'feat_stride': 8, 'scales': [1, 2, 3], 'ratios': [1]"
FINE, COARSE = 'type: "msra"', 'type: "gaussian" std: 0.01'


def layer(name, kind, bottoms, tops, rest=""):
    blobs = "".join(f' bottom: "{b}"' for b in bottoms) + "".join(f' top: "{t}"' for t in tops)
    return f'layer {{ name: "{name}" type: "{kind}"{blobs} {rest} }}\n'


def python(name, bottoms, tops, module, kind, param):
    rest = f'python_param {{ module: "{module}" layer: "{kind}" param_str: "{param}" }}'
    return layer(name, "Python", bottoms, tops, rest)


def convolution(name, bottom, outputs, size=1, stride=1, filler=COARSE):
    fields = f"num_output: {outputs} kernel_size: {size} pad: {size // 2} stride: {stride}"
    rest = f"convolution_param {{ {fields} weight_filler {{ {filler} }} }}"
    return layer(name, "Convolution", [bottom], [name], rest)


def block(name, bottom, outputs, stride=1):
    text = convolution(name, bottom, outputs, 3, stride, FINE)
    text += layer(f"{name}_bn", "BatchNorm", [name], [name])
    text += layer(f"{name}_scale", "Scale", [name], [name], "scale_param { bias_term: true }")
    return text + layer(f"{name}_relu", "ReLU", [name], [name])


def dense(name, bottom, outputs, filler):
    rest = f"inner_product_param {{ num_output: {outputs} weight_filler {{ {filler} }} }}"
    return layer(name, "InnerProduct", [bottom], [name], rest)


def reshape(name, bottom, channels):
    shape = f"reshape_param {{ shape {{ dim: 0 dim: {channels} dim: -1 dim: 0 }} }}"
    return layer(name, "Reshape", [bottom], [name], shape)


def proposals(top):
    text = block("c1", "data", 16, 2) + block("c2", "c1", 32, 2) + block("c3", "c2", 48, 2)
    text += block("c4", "c3", 64) + convolution("rpn", "c4", 64, 3, 1, FINE)
    text += layer("rpn_relu", "ReLU", ["rpn"], ["rpn"])
    text += convolution("rpn_cls_score", "rpn", 6) + convolution("rpn_bbox_pred", "rpn", 12)
    text += reshape("pairs", "rpn_cls_score", 2) + layer("chance", "Softmax", ["pairs"], ["chance"])
    text += reshape("chances", "chance", 6)
    bottoms = ["chances", "rpn_bbox_pred", "im_info"]
    return text + python("proposal", bottoms, [top], "rpn.proposal_layer", "ProposalLayer", ANCHORS)


def head():
    fields = "roi_pooling_param { pooled_w: 4 pooled_h: 4 spatial_scale: 0.125 }"
    text = layer("pool", "ROIPooling", ["c4", "rois"], ["pool"], fields)
    text += dense("fc", "pool", 64, FINE) + layer("fc_relu", "ReLU", ["fc"], ["fc"])
    text += dense("cls_score", "fc", 4, COARSE)
    return text + dense("bbox_pred", "fc", 16, 'type: "gaussian" std: 0.001')


def losses():
    targets = [f"rpn_{name}" for name in ("labels", "targets", "inside", "outside")]
    bottoms = ["rpn_cls_score", "gt_boxes", "im_info", "data"]
    text = python(
        "anchors", bottoms, targets, "rpn.anchor_target_layer", "AnchorTargetLayer", ANCHORS
    )
    weight = "loss_weight: 1 loss_param { ignore_label: -1 normalize: true }"
    text += layer("rpn_cls", "SoftmaxWithLoss", ["pairs", targets[0]], ["rpn_cls"], weight)
    sigma = "loss_weight: 1 smooth_l1_loss_param { sigma: 3 }"
    bottoms = ["rpn_bbox_pred", *targets[1:]]
    text += layer("rpn_loss_bbox", "SmoothL1Loss", bottoms, ["rpn_loss_bbox"], sigma)
    tops = ["rois", "labels", "bbox_targets", "bbox_inside", "bbox_outside"]
    text += python(
        "roi-data",
        ["rpn_rois", "gt_boxes"],
        tops,
        "rpn.proposal_target_layer",
        "ProposalTargetLayer",
        "'num_classes': 4",
    )
    text += head()
    weight = "loss_weight: 1"
    text += layer("loss_cls", "SoftmaxWithLoss", ["cls_score", "labels"], ["loss_cls"], weight)
    bottoms = ["bbox_pred", *tops[2:]]
    return text + layer("loss_bbox", "SmoothL1Loss", bottoms, ["loss_bbox"], weight)


def training_net():
    source = f"'num_classes': 4, 'source': 'shapes', 'set': 'train', 'scales': [{SIDE}]"
    tops = ["data", "im_info", "gt_boxes"]
    data = python("input", [], tops, "roi_data_layer.layer", "RoIDataLayer", source)
    return data + proposals("rpn_rois") + losses()


def deploy_net():
    image = f"input_param {{ shape {{ dim: 1 dim: 3 dim: {SIDE} dim: {SIDE} }} }}"
    text = layer("data", "Input", [], ["data"], image)
    text += layer("im_info", "Input", [], ["im_info"], "input_param { shape { dim: 1 dim: 3 } }")
    text += proposals("rois") + head()
    return text + layer("cls_prob", "Softmax", ["cls_score"], ["cls_prob"])


def overlap(box, others):
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (high - low + 1).clip(0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2] + 1).prod(-1) for b in (box, others)]
    return shared / (areas[0] + areas[1] - shared)


def detections(net, image):
    """Rows of chance, class and corners, as py-faster-rcnn's im_detect and its suppression."""
    scale = SIDE / min(image.shape[:2])
    x = cv2.resize(image.astype(np.float32) - MEAN, None, fx=scale, fy=scale)
    given = torch.from_numpy(x.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        made = net(given, torch.tensor([[*x.shape[:2], scale]])).values()
    rois, chances, deltas = (value.numpy() for value in made)
    size = rois[:, 3:] - rois[:, 1:3] + 1
    for label in range(1, 4):
        moves = deltas[:, 4 * label : 4 * label + 4] * [0.1, 0.1, 0.2, 0.2]
        middle = rois[:, 1:3] + size / 2 + moves[:, :2] * size
        half = np.exp(moves[:, 2:]) * size / 2
        boxes, kept = np.hstack([middle - half, middle + half]) / scale, []
        for k in (-chances[:, label]).argsort():
            free = not kept or overlap(boxes[k], boxes[kept]).max() <= 0.3
            if free and chances[k, label] > 0.05:
                kept.append(k)
        yield from ((chances[k, label], label, boxes[k]) for k in kept)


def average_precision(found, truth):
    """Of rows of chance, image and box, by eleven recalls; ``truth`` are boxes by image."""
    hits, used = [], set()
    for _, name, box in sorted(found, key=lambda row: -row[0]):
        own = truth.get(name)
        best = -1 if own is None else int(overlap(box, own).argmax())
        hit = best >= 0 and overlap(box, own)[best] >= 0.5 and (name, best) not in used
        used |= {(name, best)} if hit else set()
        hits.append(hit)
    recall = np.cumsum(hits) / sum(map(len, truth.values()))
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    steps = np.linspace(0, 1, 11)
    return np.mean([precision[recall >= step].max(initial=0) for step in steps])


def marked(name):
    """The boxes of an image by their class."""
    made = {}
    for element in ET.parse(f"shapes/Annotations/{name}.xml").findall("object"):
        box = element.find("bndbox")
        corners = [float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]
        made.setdefault(CLASSES.index(element.findtext("name")) + 1, []).append(corners)
    return {label: np.array(boxes) for label, boxes in made.items()}


@pytest.mark.slow
def test_a_small_faster_rcnn_learns_shapes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shapes(tmp_path / "shapes", train=120, test=20, size=SIDE, seed=0, force=False)
    (tmp_path / "train.prototxt").write_text(training_net())
    (tmp_path / "solver.prototxt").write_text(
        'net: "train.prototxt" base_lr: 0.005 lr_policy: "step" stepsize: 240 gamma: 0.1 '
        f"momentum: 0.9 weight_decay: 0.0005 max_iter: {STEPS} random_seed: 1 display: 0 "
        'snapshot_prefix: "small"'
    )
    protonet.train("solver.prototxt")
    weights = f"small_iter_{STEPS}.caffemodel"
    outputs = ["rois", "cls_prob", "bbox_pred"]
    net = protonet.compile(deploy_net(), weights=weights, outputs=outputs).eval()
    found, truth = {1: [], 2: [], 3: []}, {1: {}, 2: {}, 3: {}}
    for name in (tmp_path / "shapes/ImageSets/Main/test.txt").read_text().split():
        for chance, label, box in detections(net, cv2.imread(f"shapes/JPEGImages/{name}.jpg")):
            found[label].append((chance, name, box))
        for label, boxes in marked(name).items():
            truth[label][name] = boxes
    assert np.mean([average_precision(found[label], truth[label]) for label in found]) > 0.5
