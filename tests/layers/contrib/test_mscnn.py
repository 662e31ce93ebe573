"""MS-CNN's layers over randomised fields, against the numpy of fields_reference.py."""

from __future__ import annotations

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
FIELD = "field_w: 20 field_h: 14 downsample_rate: 8 "
NORMAL = (
    "bbox_reg_param { bbox_mean: 0 bbox_mean: 0.1 bbox_mean: 0 bbox_mean: -0.1 "
    "bbox_std: 0.1 bbox_std: 0.1 bbox_std: 0.2 bbox_std: 0.25 } "
)
SPREADS = {"": ((0,) * 4, (1,) * 4), NORMAL: ((0, 0.1, 0, -0.1), (0.1, 0.1, 0.2, 0.25))}
spreads = st.sampled_from(sorted(SPREADS))


def truth_of(draw, classes, shape):
    """Truth maps, a third of whose places are of an object."""
    n, h, w = shape
    label = draw.integers(1, classes, shape) * (draw.uniform(size=shape) < 0.3)
    middle = draw.uniform(0, 40, (n, 2, h, w))
    sides = draw.uniform(1, 40, (n, 2, h, w))
    return np.concatenate([label[:, None], middle, sides, draw.uniform(size=(n, 1, h, w))], 1)


@few
@given(seeds, spreads, st.sampled_from(["IOU", "IOMU", "IOFU"]), st.sampled_from([0, 5]))
def test_box_output(seed, normal, over, limit):
    draw = np.random.default_rng(seed)
    maps = [draw.normal(size=(2, 7, 3, 4)), draw.normal(size=(2, 7, 2, 2))]
    fields = (
        f'box_output_param {{ fg_thr: -1 iou_thr: 0.3 nms_type: "{over}" field_w: 20 field_w: 30 '
        "field_h: 14 field_h: 30 downsample_rate: 8 downsample_rate: 16 min_size: 9 "
        f"max_nms_num: {3 * limit} max_post_nms_num: {limit} }} {normal}"
    )
    net = compiled("BoxOutput", fields, [x.shape for x in maps], tops=2)
    regions, scored = outputs(net, *maps)
    wanted = reference.box_output(
        *(maps, [(20, 14), (30, 30)], [8, 16], SPREADS[normal], (2, 2)),
        *(-1, 0.3, over, 9, 3 * limit, limit),
    )
    close(scored[..., 0, 0], wanted)
    close(regions[..., 0, 0], wanted[:, :5])


def test_where_no_box_is_found_one_stands_for_it():
    fields = f"box_output_param {{ fg_thr: 100 {FIELD} }}"
    regions, scored = outputs(
        compiled("BoxOutput", fields, [(1, 6, 2, 2)], 2), np.zeros((1, 6, 2, 2))
    )
    close(regions[..., 0, 0], [[0, 1, 1, 10, 10]])
    close(scored[..., 0, 0], np.zeros((1, 6)))


@few
@given(
    seeds,
    spreads,
    st.sampled_from(["bootstrap", "all"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_detection_loss(seed, normal, mode, smooth, by_overlap, balanced):
    draw = np.random.default_rng(seed)
    x, truth = 2 * draw.normal(size=(2, 7, 3, 4)), truth_of(draw, 3, (2, 3, 4))
    fields = (
        f'detection_loss_param {{ cls_num: 3 {FIELD} sample_mode: "{mode}" bg_multiple: 2 '
        f"lambda: 3 bg_threshold: 0.4 bb_smooth: {str(smooth).lower()} "
        f"iou_weighted: {str(by_overlap).lower()} pos_neg_weighted: {str(balanced).lower()} }} "
    )
    kept = reference.hardest(x, truth, 0.4, 2 if mode == "bootstrap" else 10**6)
    if mode == "all":
        free = (truth[:, 0] == 0) & (truth[:, 5] < 0.4)
        kept = {(i, int(j)) for i in range(2) for j in np.flatnonzero(free[i])}
    options = {"bb_smooth": smooth, "lambda": 3, "multiple": 2}
    options |= {"iou_weighted": by_overlap, "pos_neg_weighted": balanced}
    wanted = reference.detection_loss(
        *(x, truth, kept, (20, 14), 8, SPREADS[normal], (2, 2), options)
    )
    net = compiled("DetectionLoss", fields + normal, [x.shape, truth.shape])
    close(outputs(net, x, truth)[0].flatten(), wanted)


@pytest.mark.parametrize("mode", ["random", "mixture"])
def test_random_background_is_free_and_new_each_time(mode):
    draw = np.random.default_rng(1)
    x, truth = np.zeros((1, 6, 8, 8)), truth_of(draw, 2, (1, 8, 8))
    free = (truth[0, 0] == 0) & (truth[0, 5] < 0.5)
    x[0, 0][~free] = 50  # what is not free is easy, or an object
    x[0, 1][truth[0, 0] != 0] = 100
    fields = f'detection_loss_param {{ cls_num: 2 {FIELD} bg_multiple: 1 sample_mode: "{mode}" }}'
    net = compiled("DetectionLoss", fields, [x.shape, truth.shape])
    x[0, 0][free], x[0, 1][free] = 0, draw.normal(size=int(free.sum()))
    losses = {float(outputs(net, x, truth)[0].flatten()[0]) for _ in range(5)}
    assert len(losses) > 1


def test_gradient_of_detection_loss():
    draw = np.random.default_rng(2)
    x, truth = 0.1 * draw.normal(size=(1, 7, 2, 2)), truth_of(draw, 3, (1, 2, 2))
    fields = f'detection_loss_param {{ cls_num: 3 {FIELD} sample_mode: "bootstrap" lambda: 2 }}'
    net = compiled("DetectionLoss", fields, [x.shape, truth.shape])
    inside = torch.from_numpy(x).requires_grad_()

    def first(v):
        return net(v, torch.from_numpy(truth))["t0"].flatten()[0]

    assert torch.autograd.gradcheck(first, inside)


def test_codes_beyond_their_bounds_still_learn():
    x, truth = np.zeros((1, 6, 1, 1)), np.array([1, 4, 4, 20, 14, 1.0]).reshape(1, 6, 1, 1)
    x[0, 2] = 9  # far beyond a half
    net = compiled("DetectionLoss", f"detection_loss_param {{ cls_num: 2 {FIELD} }}", [x.shape] * 2)
    given_ = torch.from_numpy(x).requires_grad_()
    net(given_, torch.from_numpy(truth))["t0"].flatten()[0].backward()
    close(given_.grad.numpy()[0, 2:, 0, 0], [0.5 / 4, 0, 0, 0])


@few
@given(seeds, spreads, st.integers(1, 3))
def test_detection_accuracy(seed, normal, top_k):
    draw = np.random.default_rng(seed)
    x, truth = draw.normal(size=(2, 7, 3, 4)).round(1), truth_of(draw, 3, (2, 3, 4))
    if seed % 5 == 0:
        truth[:, 0], truth[:, 5] = 0, 0.9
    fields = f"detection_accuracy_param {{ cls_num: 3 {FIELD} top_k: {top_k} }} {normal}"
    shares, mean = outputs(
        compiled("DetectionAccuracy", fields, [x.shape, truth.shape], 2), x, truth
    )
    wanted = reference.detection_accuracy(
        *(x, truth, (20, 14), 8, SPREADS[normal], (4, 2), top_k, 0.5)
    )
    close(shares.flatten(), wanted[0])
    close(mean.flatten(), [wanted[1]])


def regions_of(draw, number, images=2):
    low = draw.uniform(0, 60, (number, 2)).round()
    return np.hstack(
        [draw.integers(0, images, (number, 1)), low, low + draw.uniform(0, 40, (number, 2))]
    )


@few
@given(seeds, spreads, st.sampled_from(["TEST", "TRAIN"]))
def test_decode_bbox(seed, normal, phase):
    draw = np.random.default_rng(seed)
    codes, regions = draw.normal(size=(6, 8)), regions_of(draw, 6)
    matched = draw.uniform(0.9, 1, (6, 6))
    regions[0, 3] = regions[0, 1] - 9  # inside out
    arrays = (codes, regions, matched)[: 3 if phase == "TRAIN" else 2]
    net = compiled("DecodeBBox", normal, [a.shape for a in arrays], phase=phase)
    wanted = []
    for code, region, match in zip(codes, regions, matched, strict=True):
        box = reference.moved(region[1:], code[4:], SPREADS[normal])
        inside_out = box[0] > box[2] or box[1] > box[3]
        if phase == "TEST" or not (inside_out or match[5] >= 0.95):
            wanted.append([region[0], *box])
    close(outputs(net, *arrays)[0][..., 0, 0], np.array(wanted).reshape(-1, 5))


@few
@given(seeds, spreads, st.booleans())
def test_bbox_accuracy(seed, normal, by_class):
    draw = np.random.default_rng(seed)
    regions, labels = regions_of(draw, 6), draw.integers(0, 3, 6)
    labels[seed % 6 :] = 0
    codes = 0.3 * draw.normal(size=(6, 12 if by_class else 8))
    other = regions[:, 1:] + draw.uniform(-4, 4, (6, 4))
    matched = np.hstack([labels[:, None], other, draw.uniform(0.94, 1, (6, 1))])
    reg = normal if by_class else normal.replace("}", "cls_aware: false }")
    if not by_class and not normal:
        reg = "bbox_reg_param { cls_aware: false }"
    net = compiled("BboxAccuracy", reg, [codes.shape, regions.shape, matched.shape], tops=2)
    wanted = reference.bbox_accuracy(codes, regions, matched, SPREADS[normal], by_class)
    for value, number in zip(outputs(net, codes, regions, matched), wanted, strict=True):
        close(value.flatten(), [number])


TARGETS = (
    "cls_num: 3 num_img_per_batch: 2 img_width: 100 img_height: 80 fg_thr: 0.5 bg_thr_lw: 0.1 "
)


def truths(draw, number, width):
    real = np.hstack([regions_of(draw, number), draw.integers(1, 3, (number, 1))])
    return np.hstack([real, draw.uniform(size=(number, width - 6)) < 0.2])


@few
@given(seeds, spreads, st.sampled_from([7, 8]))
def test_proposal_target_of_all(seed, normal, width):
    draw = np.random.default_rng(seed)
    truth, regions = truths(draw, 5, width), regions_of(draw, 30)
    near = truth[draw.integers(0, 5, 20), :5] + np.pad(
        draw.uniform(-5, 5, (20, 4)), ((0, 0), (1, 0))
    )
    regions = np.vstack([regions, near])
    fields = f"proposal_target_param {{ {TARGETS} batch_size: -1 }} {normal}"
    net = compiled("ProposalTarget", fields, [regions.shape, truth.shape], tops=7)
    found = [top[..., 0, 0] for top in outputs(net, regions, truth)]
    spread = SPREADS[normal]
    wanted = reference.proposal_target(regions, truth, 3, spread, (0.5, 0.1, 0.5), {})
    for index, place in enumerate((0, 1, 2, 3, 5)):
        close(found[place], wanted[index], rtol=1e-5)
    close(found[4], found[3])
    objects = found[1][:, 0] > 0
    weights = found[6][:, 0]
    close(np.unique(weights[objects]), [0.25 * len(weights) / objects.sum()])
    close(np.unique(weights[~objects]), [0.75 * len(weights) / (~objects).sum()])


def test_proposal_target_fills_its_sample():
    draw = np.random.default_rng(3)
    truth, regions = truths(draw, 3, 7), regions_of(draw, 4)
    truth[:, 6] = 0
    fields = f"proposal_target_param {{ {TARGETS} batch_size: 40 fg_fraction: 0.05 }}"
    net = compiled("ProposalTarget", fields, [regions.shape, truth.shape], tops=6)
    boxes, labels = (top[..., 0, 0] for top in outputs(net, regions, truth)[:2])
    assert boxes.shape == (40, 5)
    assert (labels[:2] > 0).all()
    assert not labels[2:].any()
    random = boxes[-20:]
    sides = random[:, 3:] - random[:, 1:3] + 1
    assert (sides >= 32).all()
    assert set(random[:, 0]) <= {0, 1}
    for box in random:
        mine = [t for t in truth if t[0] == box[0]]
        shared = [
            reference.overlap(reference.sides(box[1:]), reference.sides(t[1:5])) for t in mine
        ]
        assert max(shared, default=0) < 0.5


def test_cascades_sample_may_be_smaller():
    draw = np.random.default_rng(4)
    truth, regions = truths(draw, 3, 8), regions_of(draw, 4)
    fields = f"proposal_target_param {{ {TARGETS} batch_size: 40 pickup_discard: true "
    fields += "append_gtbox: false bbox_thr_lw: 2 }"
    net = compiled("ProposalTarget", fields, [regions.shape, truth.shape], tops=6)
    found = [top[..., 0, 0] for top in outputs(net, regions, truth)]
    spread = SPREADS[""]
    options = {"append": False, "sample": 40}
    wanted = reference.proposal_target(regions, truth, 3, spread, (0.5, 0.1, 0.5), options)
    close(found[0], wanted[0])
    close(found[2], wanted[2])
    assert not found[3].any()
    nowhere = np.full((1, 8), -1.0)
    lone = compiled("ProposalTarget", fields, [(1, 5), (1, 8)], tops=6)
    assert len(outputs(lone, np.zeros((1, 5)), nowhere)[0]) == 1


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "tops", "what"),
    [
        (
            "BoxOutput",
            "box_output_param { field_w: 9 field_h: 9 }",
            [(1, 6, 2, 2)],
            1,
            "downsample",
        ),
        (
            "BoxOutput",
            f"box_output_param {{ {FIELD} nms_type: 'x' }}",
            [(1, 6, 2, 2)],
            1,
            "nms_type",
        ),
        (
            "BoxOutput",
            f"box_output_param {{ {FIELD} field_xyr: 0 }}",
            [(1, 6, 2, 2)],
            1,
            "field_xyr",
        ),
        ("DetectionLoss", f"detection_loss_param {{ {FIELD} }}", [(1, 6, 2, 2)] * 2, 1, "cls_num"),
        (
            "DetectionLoss",
            f"detection_loss_param {{ cls_num: 3 {FIELD} }}",
            [(1, 6, 2, 2)] * 2,
            1,
            "3 classes and 4 codes",
        ),
        ("DecodeBBox", "", [(2, 12), (2, 5)], 1, "8 numbers"),
        (
            "DecodeBBox",
            "bbox_reg_param { bbox_mean: 1 bbox_std: 1 }",
            [(2, 8), (2, 5)],
            1,
            "4 coord",
        ),
        ("BboxAccuracy", "", [(2, 12), (3, 5), (2, 6)], 1, "5 numbers"),
        ("ProposalTarget", "proposal_target_param { cls_num: 1 }", [(2, 5), (2, 7)], 6, "cls_num"),
        ("ProposalTarget", f"proposal_target_param {{ {TARGETS} }}", [(2, 5), (2, 6)], 6, "Nx7"),
    ],
)
def test_mistakes_are_told(kind, fields, shapes, tops, what):
    with pytest.raises(NetError, match=what):
        compiled(kind, fields, shapes, tops)
