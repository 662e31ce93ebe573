"""Regions with scores and deltas, as Faster R-CNN and R-FCN give them, become boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import protonet
from protonet.api import graph
from protonet.cli import group
from protonet.inference.regions import region_blobs, region_rows

cv2 = pytest.importorskip("cv2")

NET = """
name: "regions" input: "data" input_shape { dim: 1 dim: 3 dim: 64 dim: 96 }
input: "im_info" input_shape { dim: 1 dim: 3 }
layer { name: "map" type: "Pooling" bottom: "data" top: "map"
        pooling_param { pool: AVE kernel_size: 16 stride: 16 } }
layer { name: "rpn_cls" type: "Convolution" bottom: "map" top: "rpn_cls"
        convolution_param { num_output: 18 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "rpn_box" type: "Convolution" bottom: "map" top: "rpn_box"
        convolution_param { num_output: 36 kernel_size: 1
                            weight_filler { type: "gaussian" std: 0.0005 } } }
layer { name: "proposal" type: "Python" bottom: "rpn_cls" bottom: "rpn_box" bottom: "im_info"
        top: "rois" python_param { module: "rpn.proposal_layer" layer: "ProposalLayer"
        param_str: "'feat_stride': 16" } }
layer { name: "pool" type: "ROIPooling" bottom: "map" bottom: "rois" top: "pool"
        roi_pooling_param { pooled_w: 2 pooled_h: 2 spatial_scale: 0.0625 } }
layer { name: "cls" type: "InnerProduct" bottom: "pool" top: "cls" inner_product_param {
        num_output: 21 weight_filler { type: "gaussian" std: 0.003 } } }
layer { name: "bbox_pred" type: "InnerProduct" bottom: "pool" top: "bbox_pred"
        inner_product_param { num_output: 84 weight_filler { type: "gaussian" std: 0.0003 } } }
layer { name: "cls_prob" type: "Softmax" bottom: "cls" top: "cls_prob" }
"""


def slowly(rois, scores, deltas, height, width):
    """The same, one box after the other, as bbox_transform_inv and py_cpu_nms are described."""
    rows = []
    for label in range(1, scores.shape[1]):
        boxes = []
        for roi, score, delta in zip(rois, scores[:, label], deltas, strict=True):
            x1, y1, x2, y2 = roi[1:]
            w, h = x2 - x1 + 1, y2 - y1 + 1
            dx, dy, dw, dh = delta[4 * label : 4 * label + 4]
            x, y = x1 + w / 2 + dx * w, y1 + h / 2 + dy * h
            w, h = w * np.exp(dw), h * np.exp(dh)
            corners = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
            boxes.append((score, corners.clip(0, [width - 1, height - 1] * 2)))
        kept = []
        for score, (x1, y1, x2, y2) in sorted(boxes, key=lambda pair: -pair[0]):
            area = (x2 - x1 + 1) * (y2 - y1 + 1)
            for _, (a1, b1, a2, b2) in kept:
                common = max(0, min(x2, a2) - max(x1, a1) + 1) * max(
                    0, min(y2, b2) - max(y1, b1) + 1
                )
                if common / (area + (a2 - a1 + 1) * (b2 - b1 + 1) - common) > 0.3:
                    break
            else:
                if score > 0.05:
                    kept.append((score, (x1, y1, x2, y2)))
        rows += [[0, label, s, *np.array(c) / [width, height, width, height]] for s, c in kept]
    return np.array(rows)


def test_rows_are_those_of_py_faster_rcnn():
    draw = np.random.default_rng(0)
    corners = draw.uniform(0, 60, (40, 2))
    rois = np.concatenate([np.zeros((40, 1)), corners, corners + draw.uniform(5, 40, (40, 2))], 1)
    scores = draw.dirichlet(np.ones(4), 40)
    deltas = draw.normal(size=(40, 16)) / 5
    given = region_rows(rois, scores, deltas, 64, 96)
    wanted = slowly(rois, scores, deltas, 64, 96)
    assert 4 < len(wanted) < 100
    np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-6)
    shared = np.concatenate([deltas[:, :4], deltas[:, 4:8]], 1)  # R-FCN's, one for every class
    tiled = np.concatenate([deltas[:, :4], *[deltas[:, 4:8]] * 3], 1)
    np.testing.assert_array_equal(
        region_rows(rois, scores, shared, 64, 96), region_rows(rois, scores, tiled, 64, 96)
    )


def test_such_a_net_is_known_by_its_layers_and_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blobs = region_blobs(graph(NET))
    assert (blobs.rois, blobs.scores, blobs.deltas) == ("rois", "cls_prob", "bbox_pred")
    (tmp_path / "net.prototxt").write_text(NET)
    torch.manual_seed(1)
    net = protonet.compile("net.prototxt", outputs=["rois", "cls_prob", "bbox_pred"])
    protonet.save(net, "net.caffemodel")
    pixels = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    cv2.imwrite("i.png", cv2.resize(pixels, (192, 128)))
    command = ["run", "net.prototxt", "i.png", "--weights", "net.caffemodel", "--labels", "voc",
               "--threshold", "0.06", "--top", "99"]  # fmt: skip
    done = CliRunner().invoke(group, command, standalone_mode=False)
    assert done.exception is None, done.exception
    image = cv2.resize(cv2.imread("i.png"), (96, 64)).transpose(2, 0, 1)[None]
    with torch.no_grad():
        found = net(torch.from_numpy(image).float(), torch.tensor([[64.0, 96, 1]]))
    rows = slowly(*(found[b].numpy() for b in ("rois", "cls_prob", "bbox_pred")), 64, 96)
    rows = sorted((row for row in rows if row[2] >= 0.06), key=lambda row: -row[2])
    shown = [line.split() for line in done.stdout.splitlines()[2:]]
    assert len(shown) == len(rows) > 0
    assert [line[0] for line in shown] == [f"{row[2]:.4f}" for row in rows]
    wanted = [row[3:] * [192, 128, 192, 128] for row in rows]
    np.testing.assert_allclose([list(map(float, line[-4:])) for line in shown], wanted, atol=0.51)
