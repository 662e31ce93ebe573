"""The layers of makefile's Faster R-CNN, and its file of settings, against loops in numpy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import regions_reference as reference
import torch
from one_layer import close, compiled

import protonet
from protonet import NetError
from protonet.checking import check

ANCHORS = [(-28, -28, 43, 43), (-40, -16, 55, 31), (-56, -56, 71, 71)]
SETTINGS = {
    "scales": "96",
    "max_size": "200",
    "batch_size": "16",
    "fg_fraction": "0.25",
    "fg_thresh": "0.5",
    "bg_thresh_hi": "0.5",
    "bg_thresh_lo": "0.1",
    "bbox_normalize_targets": "1",
    "bbox_inside_weights": "1.0, 1.0, 0.5, 1.0",
    "bbox_normalize_means": "0.0, 0.1, 0.0, 0.0",
    "bbox_normalize_stds": "0.1, 0.1, 0.2, 0.2",
    "rpn_positive_overlap": "0.7",
    "rpn_negative_overlap": "0.3",
    "rpn_clobber_positives": "0",
    "rpn_fg_fraction": "0.5",
    "rpn_batchsize": "24",
    "rpn_nms_thresh": "0.7",
    "rpn_pre_nms_top_n": "200",
    "rpn_post_nms_top_n": "50",
    "rpn_min_size": "16.7",
    "rpn_bbox_inside_weights": "1, 1, 1, 1",
    "rpn_positive_weight": "-1.0",
    "rpn_allowed_border": "0",
    "test_rpn_nms_thresh": "0.5",
    "test_rpn_pre_nms_top_n": "60",
    "test_rpn_post_nms_top_n": "9",
    "test_rpn_min_size": "20",
    "feat_stride": "16",
    "anchors": ",\n ".join(", ".join(map(str, anchor)) for anchor in ANCHORS),
    "n_classes": "5",
}


def settings(**changed):
    text = json.dumps({**SETTINGS, **{name: str(value) for name, value in changed.items()}})
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"window_data_param {{ config_text: '{quoted}' }}"


def by_anchor(blob, numbers):
    kinds = len(ANCHORS)
    height, width = blob.shape[2] * blob.shape[1] // (kinds * numbers), blob.shape[3]
    parted = blob.reshape(kinds, numbers, height, width)
    return parted.permute(2, 3, 0, 1).reshape(-1, numbers).numpy()


def given(net, *arrays):
    torch.manual_seed(1)
    return list(net(*(torch.from_numpy(a) for a in arrays)).values())


@pytest.mark.parametrize("part", [-1, 0.3])
@pytest.mark.parametrize("clobbers", [0, 1])
@pytest.mark.parametrize("four_axes", [False, True])
def test_anchor_targets(part, clobbers, four_axes):
    truth = np.array([[10.0, 20, 90, 100, 1], [100, 30, 130, 60, 2], [3, 90, 30, 95, 3]])
    size = np.array([[160.0, 192.0, 1.0]])
    more = (1, 1) * four_axes
    text = settings(rpn_positive_weight=part, rpn_clobber_positives=clobbers)
    shapes = [(1, 6, 10, 12), (*truth.shape, *more), (1, 3, *more)]
    net = compiled("FrcnnAnchorTarget", text, shapes, 4)
    arrays = (np.zeros(shapes[0]), truth.reshape(shapes[1]), size.reshape(shapes[2]))
    labels, targets, inside, outside = given(net, *arrays)
    wanted, moved = reference.anchor_targets(truth, size[0], ANCHORS, 10, 12, 16)
    placed = reference.all_anchors(ANCHORS, 10, 12, 16)
    overlap = np.array([[reference.boxes.iou(b, t, 1.0) for t in truth] for b in placed])
    if clobbers:
        wanted[(wanted == 1) & (overlap.max(1) < 0.3)] = 0
    found = by_anchor(labels, 1)[:, 0]
    close(by_anchor(targets, 4), moved)
    objects, others = (found == 1).sum(), (found == 0).sum()
    assert objects == min(12, (wanted == 1).sum())
    assert others == min(24 - objects, (wanted == 0).sum())
    assert set(wanted[found == 1]) == {1}
    assert set(wanted[found == 0]) == {0}
    close(by_anchor(inside, 4), np.repeat((found == 1.0)[:, None], 4, 1).astype(float))
    share = np.where(found >= 0, 1 / (objects + others), 0)
    if part > 0:
        share = np.select([found == 1, found == 0], [part / objects, (1 - part) / others], 0)
    close(by_anchor(outside, 4), np.repeat(share[:, None], 4, 1))


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("sure", [0, 0.4])
def test_proposals(phase, sure):
    draw = np.random.default_rng(2)
    scores, deltas = draw.uniform(size=(1, 6, 5, 6)), draw.normal(size=(1, 12, 5, 6)) * 0.3
    scores[0, 3:, ::2] = scores[0, 3:, ::2].round(1)  # equal ones: the last comes first
    size = np.array([[80.0, 96.0, 1.25]])
    text = settings(test_rpn_score_thresh=sure)
    shapes = [scores.shape, deltas.shape, size.shape]
    net = compiled("FrcnnProposal", text, shapes, 2, phase)
    regions, found = given(net, scores, deltas, size)
    train = phase == "TRAIN"
    wanted = []
    delta = deltas[0].transpose(1, 2, 0).reshape(-1, 4)
    score = scores[0, 3:].transpose(1, 2, 0).reshape(-1)
    for index, anchor in enumerate(reference.all_anchors(ANCHORS, 5, 6, 16)):
        box = reference.moved(anchor, delta[index])
        box = [max(min(v, m - 1), 0) for v, m in zip(box, (96, 80, 96, 80), strict=True)]
        large = min(box[2] - box[0], box[3] - box[1]) + 1 >= (16 if train else 20) * 1.25
        if large and (train or score[index] >= sure or index % 3 == 0):
            wanted.append((score[index], len(wanted), box))
    best = sorted(wanted, reverse=True)[: 200 if train else 60]
    overlap, most = (0.7, 50) if train else (0.5, 9)
    kept = reference.boxes.nms([b for _, _, b in best], overlap, pixel=1.0, most=most)
    close(regions.numpy(), [[[[v]] for v in (0, *best[k][2])] for k in kept])
    close(found.numpy(), [[[[best[k][0]]]] for k in kept])


def boxes_around(truth, many, spread):
    draw = np.random.default_rng(3)
    near = truth[draw.integers(0, len(truth), many), :4] + draw.normal(size=(many, 4)) * spread
    return np.hstack([np.zeros((many, 1)), near])


TRUTH = np.array([[10.0, 20, 90, 100, 1], [100, 30, 130, 60, 4], [30, 90, 70, 130, 3]])


@pytest.mark.parametrize("stage", [0, 2])
@pytest.mark.parametrize(("many", "spread"), [(60, 20), (4, 20), (20, 2), (3, 500)])
def test_proposal_targets(stage, many, spread):
    text = settings()
    if stage:
        text += f" proposal_target_param {{ stage: {stage} gt_iou_thr: 0.8 }}"
    regions = boxes_around(TRUTH, many, spread)
    net = compiled("FrcnnProposalTarget", text, [regions.shape, TRUTH.shape], 5)
    chosen, labels, targets, inside, outside = (
        t.numpy()[..., 0, 0] for t in given(net, regions, TRUTH)
    )
    overlap = np.array([[reference.boxes.iou(r[1:], t, 1.0) for t in TRUTH] for r in regions])
    if stage:
        regions, overlap = regions[overlap.max(1) < 0.8], overlap[overlap.max(1) < 0.8]
    regions = np.vstack([regions, np.hstack([np.zeros((3, 1)), TRUTH[:, :4]])])
    own = [[reference.boxes.iou(r, t, 1.0) for t in TRUTH] for r in TRUTH]
    best = np.vstack([overlap.reshape(-1, 3), own])
    top = best.max(1)
    objects = min(4, (top >= 0.5 + 0.1 * stage).sum())
    empty = np.flatnonzero((top >= 0.1) & (top < 0.5 + 0.1 * stage))
    rest = empty if len(empty) else np.flatnonzero(top < 0.5)
    assert len(chosen) == (16 if len(rest) else objects)
    places = [int(np.flatnonzero((regions == row).all(1))[0]) for row in chosen]
    assert len(set(places[:objects])) == objects
    assert set(places[objects:]) <= set(rest)
    counts = np.bincount(places[objects:], minlength=1)
    counts = counts[counts > 0]
    assert not len(rest) or counts.max() - counts.min() <= 1
    assert not len(rest) or len(counts) == min(len(rest), 16 - objects)
    for k, at in enumerate(places):
        label = int(TRUTH[best[at].argmax(), 4]) if k < objects else 0
        assert labels[k, 0] == label
        wanted, weight = np.zeros(20), np.zeros(20)
        if label:
            delta = np.array(reference.deltas(regions[at, 1:], TRUTH[best[at].argmax(), :4]))
            wanted[4 * label : 4 * label + 4] = (delta - [0, 0.1, 0, 0]) / [0.1, 0.1, 0.2, 0.2]
            weight[4 * label : 4 * label + 4] = 1, 1, 0.5, 1
        np.testing.assert_allclose(targets[k], wanted, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(inside[k], weight)
        np.testing.assert_array_equal(outside[k], weight > 0)


def test_without_an_object_background_is_below_the_least():
    """No region overlaps enough for either; a truth that is left out of its own sample."""
    text = settings(fg_thresh=2, bg_thresh_lo=1.5, bg_thresh_hi=1.6)
    regions = boxes_around(TRUTH, 4, 20)
    net = compiled("FrcnnProposalTarget", text, [regions.shape, TRUTH.shape], 5)
    chosen, labels, *_ = (t.numpy()[..., 0, 0] for t in given(net, regions, TRUTH))
    assert not labels.any()
    assert len(chosen) == 16
    # What is missing of the sample is the first region again, as resizing a list fills up with 0.
    assert (chosen[7:] == regions[0]).all()
    assert len({tuple(row) for row in chosen[:7]}) == 7


NET = """
layer { name: "data" type: "FrcnnRoiData" top: "data" top: "im_info" top: "gt_boxes"
        window_data_param { source: "list.txt" config: "settings.json" } include { phase: TRAIN } }
layer { name: "score" type: "Convolution" bottom: "data" top: "score"
        convolution_param { num_output: 6 kernel_size: 16 stride: 16 } }
layer { name: "targets" type: "FrcnnAnchorTarget" bottom: "score" bottom: "gt_boxes"
        bottom: "im_info" top: "a" top: "b" top: "c" top: "d" }
"""


def test_the_settings_of_the_data_layer_are_those_of_the_net(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    path = tmp_path / "net.prototxt"
    assert check(path) == []
    with pytest.raises(NetError, match=r"settings\.json"):
        protonet.compile(path, phase="TRAIN")
    lines = json.dumps({**SETTINGS, "im_size_align": 64}).replace("\\n", "\n")
    (tmp_path / "settings.json").write_text(lines)
    assert check(path) == []
    net = protonet.compile(path, phase="TRAIN", outputs=["data", "a"])
    made = net(torch.zeros(1, 3, 128, 256), torch.tensor([[96.0, 200, 1]]), torch.ones(1, 5))
    assert tuple(made["a"].shape) == (1, 1, 24, 16)
    text = protonet.emit(path, phase="TRAIN")
    assert "torch.zeros(1, 3, 128, 256)" in text
    assert "(-40.0, -16.0, 55.0, 31.0)" in text


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[1]", "no JSON object"),
        ("{", "no JSON: "),
        ('{"feat_stride": "16"}', "have no 'rpn_batchsize'"),
        (json.dumps({**SETTINGS, "anchors": "1, 2, 3"}), "3 numbers as anchors"),
        (json.dumps({**SETTINGS, "anchors": "1, 2, x, 4"}), "'x' as anchors, no number"),
        (json.dumps({**SETTINGS, "feat_stride": 1.5}), "'1.5' as feat_stride, no whole number"),
        (json.dumps({**SETTINGS, "feat_stride": 0}), "have 0 as feat_stride"),
        (json.dumps({**SETTINGS, "rpn_bbox_inside_weights": "1"}), "have 1 numbers as"),
        (json.dumps({**SETTINGS, "rpn_clobber_positives": True}), "true as rpn_clobber_positives"),
        (json.dumps({**SETTINGS, "rpn_positive_weight": 1}), "between 0 and 1"),
    ],
)
def test_wrong_settings_are_told(tmp_path, text, what):
    (tmp_path / "other.json").write_text(json.dumps(SETTINGS))
    own = 'top: "d" window_data_param { config: "settings.json" } }'
    (tmp_path / "net.prototxt").write_text(
        NET.replace("settings.json", "other.json").replace('top: "d" }', own)
    )
    (tmp_path / "settings.json").write_text(text)
    (error,) = check(tmp_path / "net.prototxt")
    assert what in error.message
    assert error.span.line == 7


def test_settings_that_a_net_does_not_name():
    with pytest.raises(NetError, match="the net names none") as told:
        compiled("FrcnnProposal", "", [(1, 6, 4, 4), (1, 12, 4, 4), (1, 3)])
    assert "config" in told.value.hint


@pytest.mark.parametrize(
    ("kind", "shapes", "changed", "what"),
    [
        ("FrcnnProposal", [(1, 6, 4, 4), (1, 12, 4, 4), (1, 3)], {"test_soft_nms": 1}, "soft"),
        ("FrcnnProposal", [(1, 4, 4, 4), (1, 12, 4, 4), (1, 3)], {}, "6 channels"),
        ("FrcnnProposal", [(1, 6, 4, 4), (1, 12, 4, 4), (1, 4)], {}, "a size"),
        ("FrcnnAnchorTarget", [(2, 6, 4, 4), (2, 5), (1, 3)], {}, "one image"),
        ("FrcnnAnchorTarget", [(1, 6, 4, 4), (2, 4), (1, 3)], {}, "boxes"),
        ("FrcnnProposalTarget", [(4, 5), (2, 6)], {}, "boxes"),
        ("FrcnnProposalTarget", [(4, 5), (2, 5)], {"bbox_normalize_stds": "1,1,0,1"}, "positive"),
    ],
)
def test_what_does_not_fit_is_told(kind, shapes, changed, what):
    tops = {"FrcnnProposal": 1, "FrcnnAnchorTarget": 4, "FrcnnProposalTarget": 5}[kind]
    with pytest.raises(NetError, match=what):
        compiled(kind, settings(**changed), shapes, tops)
