"""Cascade R-CNN's layers over randomised fields, against the numpy of fields_reference.py."""

from __future__ import annotations

import math

import fields_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, outputs, quick

from protonet import NetError

seeds = st.integers(0, 2**16)
few = settings(quick, max_examples=3, phases=[Phase.generate])
NORMAL = (
    "bbox_reg_param { bbox_mean: 0 bbox_mean: 0.1 bbox_mean: 0 bbox_mean: -0.1 "
    "bbox_std: 0.1 bbox_std: 0.1 bbox_std: 0.2 bbox_std: 0.25 } "
)
SPREAD = ((0, 0.1, 0, -0.1), (0.1, 0.1, 0.2, 0.25))
FIELDS = "field_w: 20 field_w: 30 field_h: 14 field_h: 30 stride: 8 "
SIZES = [(20, 14), (30, 30)]


def regions_of(draw, number, images=2):
    low = draw.uniform(0, 60, (number, 2)).round()
    high = low + draw.uniform(0, 40, (number, 2))
    return np.hstack([draw.integers(0, images, (number, 1)), low, high])


@few
@given(seeds, st.sampled_from([0, 5]))
def test_box_group_output(seed, limit):
    draw = np.random.default_rng(seed)
    shapes = [(4, 3, 3, 4), (4, 4, 3, 4), (2, 3, 2, 2), (2, 4, 2, 2)]
    maps = [
        draw.uniform(size=shape) if shape[1] == 3 else draw.normal(size=shape) for shape in shapes
    ]
    fields = (
        "box_group_output_param { fg_thr: 0.2 iou_thr: 0.3 min_size: 9 field_xyr: 1 field_whr: 3 "
        f"box_group_param {{ {FIELDS} }} box_group_param {{ field_w: 40 field_h: 40 stride: 16 }} "
        f"max_nms_num: {3 * limit} max_post_nms_num: {limit} }} {NORMAL}"
    )
    net = compiled("BoxGroupOutput", fields, shapes, tops=2)
    regions, scored = outputs(net, *maps)
    groups = [(*maps[:2], SIZES, 8), (*maps[2:], [(40, 40)], 16)]
    wanted = reference.box_group_output(groups, SPREAD, (1, 3), 0.2, 0.3, 9, 3 * limit, limit)
    close(scored[..., 0, 0], wanted)
    close(regions[..., 0, 0], wanted[:, :5])


def truth_of(draw, shape):
    n, h, w = shape
    label = draw.integers(1, 3, shape) * (draw.uniform(size=shape) < 0.3)
    boxes = draw.uniform(1, 40, (n, 4, h, w))
    return np.concatenate([label[:, None], boxes, draw.uniform(size=(n, 1, h, w))], 1)


def group_loss(scores, codes, truth, kept, smooth, bounded):
    """The mean cross entropy of places kept, and of objects among them the mean error."""
    total, errors = [], []
    for item, *place in np.ndindex(len(scores), *scores.shape[2:]):
        at = (item, slice(None), *place)
        if (item, *place) not in kept:
            continue
        label, *box = truth[at][:5]
        total.append(-math.log(reference.softmax(scores[at])[int(label)]))
        if label:
            field = SIZES[item % 2]
            x, y = (place[1] + 0.5) * 8, (place[0] + 0.5) * 8
            wanted = [(box[0] - x) / field[0], (box[1] - y) / field[1]]
            wanted += [math.log(max(s, 2) / f) for s, f in zip(box[2:], field, strict=True)]
            gaps = codes[at] - (np.array(wanted) - SPREAD[0]) / SPREAD[1]
            if bounded:
                limits = np.array([1, 1, math.log(3), math.log(3)])
                middle, scale = np.array([0.05, 0.05, -0.05, -0.05]), [0.1, 0.1, *[0.05**0.5] * 2]
                low, high = (-limits - middle) / scale, (limits - middle) / scale
                gaps = gaps - codes[at] + np.clip(codes[at], low, high)
            square = gaps**2 / 2
            each = np.where(np.abs(gaps) >= 1, np.abs(gaps) - 0.5, square) if smooth else square
            errors.append(each.sum())
    error = 2 * np.mean(errors) if errors else 0
    return np.mean(total) + error, error


@few
@given(seeds, st.booleans(), st.booleans())
def test_detection_group_loss(seed, smooth, bounded):
    draw = np.random.default_rng(seed)
    scores, codes = draw.normal(size=(4, 3, 3, 4)), 3 * draw.normal(size=(4, 4, 3, 4))
    truth = truth_of(draw, (4, 3, 4))
    kept = set()
    for image in range(2):
        mine = [(2 * image + k, i, j) for k, i, j in np.ndindex(2, 3, 4)]
        objects = [at for at in mine if truth[at[0], 0, at[1], at[2]] > 0]
        others = [at for at in mine if not truth[at[0], 0, at[1], at[2]]]
        others = [at for at in others if truth[at[0], 5, at[1], at[2]] < 0.5]
        others.sort(key=lambda at: reference.softmax(scores[at[0], :, at[1], at[2]])[0])
        kept |= {*objects, *others[: max(5, len(objects))]}
    fields = (
        f'detection_group_loss_param {{ cls_num: 3 {FIELDS} neg_mining_type: "bootstrap" lambda: 2 '
        f'bg_multiple: 1 bbox_loss_type: "{"Smooth_L1" if smooth else "Euclidean_L2"}" '
        f"{'field_xyr: 1 field_whr: 3' if bounded else ''} }} {NORMAL}"
    )
    net = compiled("DetectionGroupLoss", fields, [scores.shape, codes.shape, truth.shape])
    wanted = group_loss(scores, codes, truth, kept, smooth, bounded)
    close(outputs(net, scores, codes, truth)[0].flatten(), wanted)


def test_a_sample_of_places_is_as_large_as_told():
    draw = np.random.default_rng(1)
    scores, truth = np.zeros((2, 3, 9, 9)), truth_of(draw, (2, 9, 9))
    fields = f"detection_group_loss_param {{ cls_num: 3 {FIELDS} batch_size: 16 bg_multiple: 3 }}"
    shapes = [scores.shape, (2, 4, 9, 9), truth.shape]
    net = compiled("DetectionGroupLoss", fields, shapes)
    given_ = torch.from_numpy(scores).requires_grad_()
    net(given_, torch.zeros(shapes[1]).double(), torch.from_numpy(truth))["t0"][..., 0].backward()
    counts = np.abs(given_.grad.numpy()).sum(1) > 0
    assert counts.sum() == 16
    assert (counts & (truth[:, 0] > 0)).sum() == 4
    assert (truth[:, 5][counts & (truth[:, 0] == 0)] < 0.5).all()


def test_gradient_of_detection_group_loss():
    draw = np.random.default_rng(2)
    arrays = [torch.from_numpy(draw.normal(size=(2, c, 1, 2))).requires_grad_() for c in (3, 4)]
    truth = torch.from_numpy(truth_of(draw, (2, 1, 2)))
    fields = f"detection_group_loss_param {{ cls_num: 3 {FIELDS} pos_neg_weighted: true }}"
    net = compiled("DetectionGroupLoss", fields, [(2, 3, 1, 2), (2, 4, 1, 2), (2, 6, 1, 2)])
    assert torch.autograd.gradcheck(lambda x, y: net(x, y, truth)["t0"].flatten()[0], arrays)


@few
@given(seeds)
def test_detection_group_accuracy(seed):
    draw = np.random.default_rng(seed)
    scores, codes = draw.normal(size=(2, 3, 3, 4)), draw.normal(size=(2, 4, 3, 4))
    truth = truth_of(draw, (2, 3, 4))
    fields = f"detection_group_accuracy_param {{ cls_num: 3 {FIELDS} }} {NORMAL}"
    net = compiled("DetectionGroupAccuracy", fields, [x.shape for x in (scores, codes, truth)], 2)
    shares, mean = outputs(net, scores, codes, truth)
    right, overlaps = {0: [], 1: []}, []
    for item, *place in np.ndindex(2, 3, 4):
        at = (item, slice(None), *place)
        label = int(truth[at][0])
        if label or truth[at][5] < 0.5:
            right[min(label, 1)].append(scores[at].argmax() == label)
        if label:
            box = reference.decoded(codes[at], place, SIZES[item], 8, SPREAD, (4, 2))
            x, y, w, h = truth[at][1:5]
            overlaps.append(reference.overlap(box, [x - w / 2, y - h / 2, w, h], pixels=True))
    close(shares.flatten(), [np.mean(right[0] + right[1]), np.mean(right[1])])
    close(mean.flatten(), [np.mean(overlaps)])


@few
@given(seeds, st.booleans())
def test_frcnn_output(seed, by_class):
    draw = np.random.default_rng(seed)
    chances, regions = draw.uniform(size=(12, 3)), regions_of(draw, 12, 1)
    codes = draw.normal(size=(12, 12 if by_class else 8))
    most = int(draw.integers(0, 6))
    fields = f"frcnn_output_param {{ conf_thr: 0.3 iou_thr: 0.2 max_det_num: {most} }} "
    fields += NORMAL.replace("}", f"cls_aware: {str(by_class).lower()} }}")
    arrays = chances, codes, regions, np.array([[50.0, 60.0]])
    net = compiled("FrcnnOutput", fields, [a.shape for a in arrays])
    wanted = reference.found_objects(
        *(chances, codes, regions, (50, 60), SPREAD, 0.3, 0.2, most, by_class)
    )
    close(outputs(net, *arrays)[0][..., 0, 0], wanted)


@few
@given(seeds, st.integers(1, 4), st.integers(2, 3))
def test_hard_mining(seed, most, images):
    draw = np.random.default_rng(seed)
    scores, regions = draw.uniform(size=9), regions_of(draw, 9)
    label = draw.integers(0, 9, (9, 1, 1, 1)).astype(float)
    fields = f"hard_mining_param {{ num_roi_per_image: {most} num_image: {images} }}"
    net = compiled("HardMining", fields, [(9, 1, 1, 1), (9, 5), label.shape], tops=2)
    found = outputs(net, scores.reshape(9, 1, 1, 1), regions, label)
    order = sorted(range(9), key=lambda i: -scores[i])
    kept = []
    for image in range(images):
        kept += [i for i in order if regions[i, 0] == image][:most]
    kept += [i for i in order if i not in kept][: min(most * images, 9) - len(kept)]
    close(found[0][..., 0, 0], regions[sorted(kept)])
    close(found[1], label[sorted(kept)])


@pytest.mark.parametrize(
    ("low", "high", "kept"),
    [
        (10, 30, [1, 2]),
        (None, 15, [0, 1]),
        (30, None, [3]),
        (200, 300, [3]),
        (None, None, [0, 1, 2, 3]),
    ],
)
def test_scale_route(low, high, kept):
    regions = np.array([[0, 0, 0, s - 1, s - 1] for s in (4, 10, 20, 60)], float)
    label = np.arange(4.0).reshape(4, 1)
    fields = f"low_scale: {low} " * (low is not None) + f"high_scale: {high}" * (high is not None)
    net = compiled("ScaleRoute", f"scale_route_param {{ {fields} }}", [(4, 5), (4, 1)], tops=2)
    found = outputs(net, regions, label)
    close(found[0][..., 0, 0], regions[kept])
    close(found[1][..., 0, 0], label[kept])


@few
@given(seeds, st.booleans())
def test_evaluation_of_regions(seed, difficult):
    draw = np.random.default_rng(seed)
    truth = np.hstack([regions_of(draw, 6), draw.integers(1, 3, (6, 1)), np.zeros((6, 1))])
    truth = np.hstack([truth, draw.integers(0, 2, (6, 1))])
    near = truth[draw.integers(0, 6, 9), :6]
    near[:, 1:5] += draw.uniform(-6, 6, (9, 4))
    found = np.vstack([[0, *[-1] * 6], np.hstack([near, draw.uniform(size=(9, 1))])])
    fields = "detection_evaluate_param { num_classes: 3 overlap_threshold: 0.4 "
    fields += f"evaluate_difficult_gt: {str(difficult).lower()} }}"
    net = compiled("DetectionEvaluate", fields, [found.shape, truth.shape, (2, 2)])
    rows = outputs(net, found, truth, np.ones((2, 2)))[0][..., 0, 0]
    counted = truth if difficult else truth[truth[:, 7] == 0]
    wanted = [[-1, k, (counted[:, 5] == k).sum(), -1, -1] for k in (1, 2)]
    taken = set()
    for row in sorted(found[1:].tolist(), key=lambda r: (r[0], r[5], -r[6])):
        mine = [i for i, t in enumerate(truth) if t[0] == row[0] and t[5] == row[5]]
        box = reference.sides(row[1:5])
        shared = {
            i: reference.overlap(box, reference.sides(truth[i, 1:5]), pixels=True) for i in mine
        }
        best = max(shared, key=lambda i: (shared[i], -i), default=None)
        verdict = [0, 1]
        if best is not None and shared[best] >= 0.4:
            verdict = [0, 1] if best in taken else [1, 0]
            verdict = [0, 0] if truth[best, 7] and not difficult else verdict
            taken.add(best)
        wanted.append([row[0], row[5], row[6], *verdict])
    close(rows, np.array(wanted))


def test_losses_with_more_tops_are_those_of_each_region():
    draw = np.random.default_rng(5)
    x, label = draw.normal(size=(4, 3)), draw.integers(0, 3, (4, 1, 1, 1))
    loss, chances, each = outputs(
        compiled(
            "SoftmaxWithLoss",
            "loss_weight: 1 loss_weight: 0 loss_weight: 0",
            [x.shape, label.shape],
            3,
        ),
        x,
        label,
    )
    soft = np.array([reference.softmax(row) for row in x])
    wanted = -np.log(soft[range(4), label.flatten()])
    close(loss, wanted.mean())
    close(chances, soft)
    close(each, wanted.reshape(4, 1, 1, 1))
    arrays = [draw.normal(size=(4, 8)) for _ in range(4)]
    net = compiled("SmoothL1Loss", "loss_weight: 1 loss_weight: 0", [(4, 8)] * 4, 2)
    loss, each = outputs(net, *arrays)
    gaps = np.abs(arrays[2] * (arrays[0] - arrays[1]))
    rows = (arrays[3] * np.where(gaps < 1, gaps**2 / 2, gaps - 0.5)).sum(1)
    close(loss, rows.sum() / 4)
    close(each.flatten(), rows)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "tops", "what"),
    [
        ("BoxGroupOutput", "", [(2, 3, 2, 2), (2, 4, 2, 2)], 1, "box_group_param"),
        ("DetectionGroupAccuracy", "", [(2, 3, 2, 2), (2, 4, 2, 2), (2, 6, 2, 2)], 1, "cls_num"),
        ("HardMining", "", [(4, 1), (4, 5)], 2, "as many tops"),
        ("ScaleRoute", "", [(4, 4)], 1, "Nx5"),
        ("ScaleRoute", "propagate_down: true", [(4, 5)], 1, "no gradient"),
        ("FrcnnOutput", "", [(4, 3), (4, 8), (4, 5), (1, 2)], 1, "12 numbers"),
    ],
)
def test_cascades_mistakes_are_told(kind, fields, shapes, tops, what):
    with pytest.raises(NetError, match=what):
        compiled(kind, fields, shapes, tops)
