"""Detectors without prior boxes over randomised fields, against plain numpy."""

from __future__ import annotations

import centers_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from one_layer import compiled, text_of

import protonet
from protonet import NetError

quick = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
flags = st.booleans()
modes = st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE"])
ANCHORS = [(3, 4), (8, 7), (14, 20)]


def loss_of(net, *arrays, scale=1.0):
    """The value, and the gradients of the bottoms but the last, times a number."""
    given_ = [torch.from_numpy(np.asarray(a, np.float64)) for a in arrays]
    for x in given_[:-1]:
        x.requires_grad_()
    loss = net(*given_)["t0"]
    (scale * loss).backward()
    return loss.item(), [x.grad.numpy() / scale for x in given_[:-1]]


def draw_rows(draw, images, boxes, landmarks, whole=False):
    """Rows of the truth, (images, 1, boxes, w), some of them none's; or (1, 1, boxes, w)."""
    width = 19 if landmarks else 8
    rows = np.zeros((1 if whole else images, 1, boxes, width))
    middle = draw.uniform(0.05, 0.95, (*rows.shape[:3], 2))
    middle[:, :, boxes // 2 :] = middle[:, :, : boxes - boxes // 2]  # several at one place
    half = draw.uniform(0.02, 0.4, middle.shape)
    rows[..., 3:5] = (middle - half).clip(0)
    rows[..., 5:7] = (middle + half).clip(max=1)
    rows[..., 1] = 1
    rows[..., 0] = np.arange(images)[:, None, None] if not whole else 0
    if whole:
        rows[..., 0] = draw.integers(0, images, rows.shape[:3])
    if landmarks:
        rows[..., 8] = draw.integers(0, 2, rows.shape[:3])
        rows[..., 9:] = draw.uniform(0.01, 0.99, (*rows.shape[:3], 10))
        rows[draw.random(rows.shape[:3]) < 0.2, 9:] = -1
    return rows


def some_are_none(draw, rows):
    """Put -1 into rows, as AnnotatedData fills those that an image has not."""
    rows[draw.random(rows.shape[:3]) < 0.4] = -1
    return rows


@quick
@given(seeds, flags, flags, modes, st.sampled_from([1.0, 0.5, 2.0]))
def test_center_grid_loss(seed, by_sigmoid, landmarks, mode, weight):
    draw, landmarks = np.random.default_rng(seed), landmarks and not by_sigmoid
    kind, classes = ("SIGMOID", 1) if by_sigmoid else ("SOFTMAX", 2)
    x = draw.normal(size=(3, (14 if landmarks else 4) + classes, 5, 4))
    truth = some_are_none(draw, draw_rows(draw, 3, 5, landmarks))
    if seed % 3 == 0:
        truth[-1] = -1
    fields = f"loss_param {{ normalization: {mode} }} loss_weight: {weight} "
    fields += f"center_object_loss_param {{ class_type: {kind} num_class: {classes} bias_num: 1 "
    fields += "bias_scale: 13.7 net_width: 7 net_height: 48 low_bbox_scale: 6 up_bbox_scale: 30 "
    fields += f"has_lm: {str(landmarks).lower()} }}"
    net = compiled("CenterGridLoss", fields, [x.shape, truth.shape])
    p = {"class_type": kind, "has_lm": landmarks, "bias_scale": 13.7, "net_height": 48}
    p |= {"low": 6, "up": 30, "normalization": mode, "loss_weight": weight}
    wanted, slope = reference.grid_loss(x, truth, p)
    value, (gradient,) = loss_of(net, x, truth)
    assert_allclose(value, wanted, rtol=1e-9)
    assert_allclose(gradient, slope, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("kind", ["SIGMOID", "SOFTMAX"])
def test_the_gradient_of_center_grid_loss_is_the_slope_of_its_value(kind):
    draw, classes = np.random.default_rng(3), 1 if kind == "SIGMOID" else 2
    x, truth = draw.normal(size=(1, 4 + classes, 3, 3)), draw_rows(draw, 1, 3, False)
    fields = f"center_object_loss_param {{ class_type: {kind} num_class: {classes} bias_num: 1 "
    fields += "bias_scale: 9 net_height: 32 low_bbox_scale: 0 up_bbox_scale: 32 }"
    net = compiled("CenterGridLoss", fields, [x.shape, truth.shape])
    _, (gradient,) = loss_of(net, x, truth)
    assert gradient[:, :4].any()
    assert_allclose(gradient, by_differences(net, (x, truth), 0), rtol=1e-5, atol=1e-8)


def by_differences(net, arrays, which, step=1e-5):
    """The slope of the value by one of the bottoms, by central differences."""
    slope = np.zeros_like(arrays[which])
    given_ = [torch.from_numpy(a.copy()) for a in arrays]
    flat, out = given_[which].reshape(-1), slope.reshape(-1)
    for k in range(len(flat)):
        values = []
        for sign in (1, -1):
            kept = flat[k].item()
            flat[k] = kept + sign * step
            with torch.no_grad():
                values.append(net(*given_)["t0"].item())
            flat[k] = kept
        out[k] = (values[0] - values[1]) / (2 * step)
    return slope


@quick
@given(seeds, flags, flags, st.sampled_from([None, 0.3, 0.6]), st.sampled_from([-1, 2]))
def test_center_grid_output(seed, by_sigmoid, landmarks, threshold, keep):
    draw, landmarks = np.random.default_rng(seed), landmarks and not by_sigmoid
    kind, classes = ("SIGMOID", 1) if by_sigmoid else ("SOFTMAX", 2)
    channels = (14 if landmarks else 4) + classes
    maps = [2 * draw.normal(size=(2, channels, *size)) for size in ((4, 4), (3, 2), (1, 1))]
    p = {"class_type": kind, "bias_scale": [3, 20, 50], "net_width": 32, "net_height": 40}
    p |= {"threshold": threshold, "nms_thresh": 0.3, "keep_top_k": keep}
    fields = f"detection_output_param {{ class_type: {kind} num_classes: {classes} net_width: 32 "
    fields += "net_height: 40 bias_scale: 3 bias_scale: 20 bias_scale: 50 nms_thresh: 0.3 "
    fields += f"keep_top_k: {keep} has_lm: {str(landmarks).lower()} "
    fields += f"confidence_threshold: {threshold} }}" if threshold else "}"
    net = compiled("CenterGridOutput", fields, [x.shape for x in maps])
    found = net(*(torch.from_numpy(x) for x in maps))["t0"].numpy()
    assert_allclose(found, reference.grid_output(maps, p), rtol=1e-6, atol=1e-9)


def test_nothing_found_is_a_row_of_each_image():
    maps = [torch.full((2, 5, n, n), -9.0, dtype=torch.double) for n in (2, 2, 1)]
    fields = "detection_output_param { num_classes: 1 bias_scale: 3 bias_scale: 3 bias_scale: 3 "
    net = compiled("CenterGridOutput", fields + "}", [x.shape for x in maps])
    wanted = [[[[0, *[-1] * 6], [1, *[-1] * 6]]]]
    assert_allclose(net(*maps)["t0"].numpy(), wanted)


def object_fields(p):
    text = f"loss_param {{ normalization: {p['normalization']} }} center_object_loss_param {{ "
    text += f"num_class: {p['classes']} has_lm: {str(p['has_lm']).lower()} "
    return (
        text + f"loc_loss_type: {p['loc']} lm_loss_type: {p['lm']} loc_weight: {p['loc_weight']} }}"
    )


@settings(quick, max_examples=10)
@given(seeds, flags, flags, modes, st.sampled_from(["L2", "SMOOTH_L1"]))
def test_center_object_loss(seed, alone, landmarks, mode, kind):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(2, 14 if landmarks else 4, 9, 7))
    scores = draw.normal(size=(2, 2, 9, 7))
    truth = some_are_none(draw, draw_rows(draw, 2, 6, landmarks, whole=True))
    truth[..., 1] = np.where(truth[..., 0] >= 0, draw.integers(1, 3, truth.shape[:3]), -1)
    p = {
        "alone": alone,
        "has_lm": landmarks,
        "loc": kind,
        "lm": "SMOOTH_L1" if kind == "L2" else "L2",
    }
    p |= {"normalization": mode, "loc_weight": 1 + seed % 3, "classes": 2}
    value, slope, score_slope = reference.object_loss(x, scores, truth, p)
    parts = [x[:, :2], x[:, 2:4], scores, *[x[:, 4:]] * landmarks] if alone else [x, scores]
    type_ = "CenterObjectSingleLoss" if alone else "CenterObjectLoss"
    net = compiled(type_, object_fields(p), [a.shape for a in (*parts, truth)])
    found, gradients = loss_of(net, *parts, truth, scale=2)
    assert_allclose(found, value, rtol=1e-9)
    if alone:
        first, second, heat, *marks = gradients
        gradients = [np.concatenate([first, second, *marks], 1), heat]
    assert_allclose(gradients[0], slope, rtol=1e-7, atol=1e-12)
    assert_allclose(gradients[1], score_slope, rtol=1e-7, atol=1e-12)


def test_the_gradient_of_center_object_loss_is_the_slope_of_its_value():
    draw = np.random.default_rng(5)
    x, scores = draw.normal(size=(1, 4, 4, 4)), draw.normal(size=(1, 1, 4, 4))
    truth = draw_rows(draw, 1, 1, False)
    truth[..., 3:7] = [0.1, 0.1, 0.8, 0.9]
    p = {"has_lm": False, "loc": "SMOOTH_L1", "lm": "L2", "normalization": "VALID"}
    fields = object_fields({**p, "loc_weight": 1, "classes": 1})
    net = compiled("CenterObjectLoss", fields, [x.shape, scores.shape, truth.shape])
    _, gradients = loss_of(net, x, scores, truth)
    for which in (0, 1):
        slope = by_differences(net, (x, scores, truth), which)
        assert slope.any()
        assert_allclose(gradients[which], slope, rtol=1e-5, atol=1e-8)


def test_losses_that_are_not_propagated_are_left_out():
    draw = np.random.default_rng(6)
    x, scores = draw.normal(size=(1, 4, 6, 6)), draw.normal(size=(1, 1, 6, 6))
    truth = draw_rows(draw, 1, 2, False, whole=True)
    truth[..., 3:7] = [0.1, 0.1, 0.8, 0.9]
    p = {"has_lm": False, "loc": "L2", "lm": "L2", "normalization": "NONE", "loc_weight": 1}
    fields = object_fields(p | {"classes": 1})
    fields += " propagate_down: false propagate_down: true propagate_down: false"
    net = compiled("CenterObjectLoss", fields, [x.shape, scores.shape, truth.shape])
    heat = reference.heat_of(truth[0, 0], scores.shape)
    value = net(*(torch.from_numpy(a) for a in (x, scores, truth)))["t0"].item()
    assert_allclose(value, reference.focal(scores, heat)[0])


def test_a_box_of_no_class_is_refused():
    x, scores = torch.zeros(1, 4, 6, 6), torch.zeros(1, 1, 6, 6)
    truth = torch.tensor([[[[0, 2, 0, 0.1, 0.1, 0.9, 0.9, 0]]]])
    net = compiled("CenterObjectLoss", "", [x.shape, scores.shape, truth.shape])
    with pytest.raises(ValueError, match="the label 2, the last is 1"):
        net(x.double(), scores.double(), truth.double())


@quick
@given(seeds, st.sampled_from(["VALID", "NONE"]))
def test_centernet_focal_loss(seed, mode):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(2, 2, 4, 3))
    heat = np.minimum(draw.random(x.shape) * 1.1, 1)
    fields = f"loss_param {{ normalization: {mode} }}"
    net = compiled("CenterNetfocalSigmoidWithLoss", fields, [x.shape, heat.shape])
    loss, slope, count = reference.focal(x, heat)
    by = max(1, count) if mode == "VALID" else 1
    value, (gradient,) = loss_of(net, x, heat)
    assert_allclose(value, loss / by, rtol=1e-9)
    assert_allclose(gradient, slope / by, rtol=1e-7, atol=1e-12)


@quick
@given(seeds, flags, st.sampled_from([None, 0.4]), st.sampled_from([-1, 3]))
def test_centernet_detection_output(seed, landmarks, threshold, keep):
    draw = np.random.default_rng(seed)
    x, scores = draw.normal(size=(2, 14 if landmarks else 4, 4, 5)), draw.random((2, 2, 4, 5))
    scores[draw.random(scores.shape) < 0.2] = 1
    fields = "detection_output_param { num_classes: 3 nms_thresh: 0.35 "
    fields += f"has_lm: {str(landmarks).lower()} keep_top_k: {keep} "
    fields += f"confidence_threshold: {threshold} }}" if threshold else "}"
    p = {"nms_thresh": 0.35, "keep_top_k": keep} | ({"threshold": threshold} if threshold else {})
    net = compiled("CenternetDetectionOutput", fields, [x.shape, scores.shape])
    found = net(torch.from_numpy(x), torch.from_numpy(scores))["t0"].numpy()
    assert_allclose(found, reference.centernet_output(x, scores, p), rtol=1e-6, atol=1e-9)


@quick
@given(seeds, st.sampled_from([[0, 1], [2], [1, 2]]), st.sampled_from([0.2, 0.5]))
def test_yolov3_loss(seed, mask, thresh):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(2, len(mask) * 8, 4, 5))
    truth = some_are_none(draw, draw_rows(draw, 2, 6, False))
    truth[..., 1] = np.where(truth[..., 0] >= 0, draw.integers(1, 4, truth.shape[:3]), -1)
    fields = "center_object_loss_param { num_class: 3 bias_num: 3 net_width: 32 net_height: 32 "
    fields += " ".join(f"bias_scale: {v}" for pair in ANCHORS for v in pair)
    fields += f" ignore_thresh: {thresh} " + " ".join(f"bias_mask: {m}" for m in mask) + " }"
    net = compiled("Yolov3Loss", fields, [x.shape, truth.shape])
    p = {"num_class": 3, "net": 32, "thresh": thresh}
    wanted, slope = reference.yolo_loss(x, truth, ANCHORS, mask, p)
    value, (gradient,) = loss_of(net, x, truth, scale=2)
    assert_allclose(value, wanted, rtol=1e-9)
    assert_allclose(gradient, slope, rtol=1e-7, atol=1e-12)


GRID = "num_class: 2 class_type: SOFTMAX bias_num: 1 bias_scale: 9 net_height: 32"
SIZES = [(2, 6, 4, 4), (2, 1, 3, 8)]
YOLO = "num_class: 2 bias_num: 1 bias_scale: 3 bias_scale: 4 net_width: 8 net_height: 8"


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        ("CenterGridLoss", "num_class: 2 class_type: SOFTMAX", SIZES, "it takes bias_num: 1 and"),
        ("CenterGridLoss", f"{GRID} bias_scale: 8", SIZES, "it takes bias_num: 1 and"),
        ("CenterGridLoss", GRID.replace("9", "0.5"), SIZES, "at least 1, not 0.5"),
        ("CenterGridLoss", GRID.replace("SOFT", "SIG").replace("MAX", "MOID"), SIZES, "class: 1"),
        ("CenterGridLoss", f"{GRID} has_lm: true", SIZES, "take 16 channels, not 2x6x4x4"),
        ("CenterGridLoss", f"{GRID} share_location: false", SIZES, "share_location: true"),
        ("CenterGridLoss", GRID, [SIZES[0], (1, 1, 3, 8)], "the shape 2x1xNx8, not 1x1x3x8"),
        ("CenterGridLoss", GRID, [SIZES[0], (2, 1, 3, 19)], "the shape 2x1xNx8, not 2x1x3x19"),
        ("CenterGridLoss", GRID.replace("32", "0"), SIZES, "net_height must be positive"),
        ("CenterObjectLoss", "", [(1, 4, 2, 2), (1, 2, 2, 2), (1, 1, 2, 8)], "it takes 1x1x2x2"),
        ("CenterObjectLoss", "", [(1, 4, 2, 2), (1, 1, 2, 2), (2, 1, 2, 8)], "1x1xNx8"),
        ("CenterObjectLoss", "", [(1, 4, 2, 2)] * 4, "it takes 3 bottoms, not 4"),
        ("CenterObjectSingleLoss", "has_lm: true", [(1, 2, 2, 2)] * 4, "takes 5 bottoms, not 4"),
        ("Yolov3Loss", YOLO, [(1, 7, 2, 2), (1, 1, 2, 8)], "it has no bias_mask"),
        ("Yolov3Loss", f"{YOLO} bias_mask: 1", [(1, 7, 2, 2), (1, 1, 2, 8)], "no pair of bias"),
        ("Yolov3Loss", f"{YOLO} bias_mask: 0", [(1, 8, 2, 2), (1, 1, 2, 8)], "take 7 channels"),
        ("Yolov3Loss", YOLO.replace("bias_num: 1", ""), [(1, 7, 2, 2)] * 2, "takes bias_num: 1"),
    ],
)
def test_what_a_loss_would_not_take(kind, fields, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        compiled(kind, f"center_object_loss_param {{ {fields} }}", shapes)
    assert caught.value.span is not None


def test_whose_truth_it_is_not_is_told():
    with pytest.raises(NetError) as caught:
        compiled(
            "CenterGridLoss", f"center_object_loss_param {{ {GRID} }}", [SIZES[0], (1, 1, 3, 19)]
        )
    assert "annotated_data_param { yoloformat: true has_landmarks: false }" in str(caught.value)


MAPS = [(1, 5, 2, 2)] * 3
SCALES = "bias_scale: 1 bias_scale: 2 bias_scale: 3"


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        ("CenterGridOutput", "num_classes: 1", MAPS, "as many bias_scale, not 0"),
        ("CenterGridOutput", f"num_classes: 2 {SCALES}", MAPS, "takes num_classes: 1, not 2"),
        ("CenterGridOutput", f"num_classes: 1 {SCALES} has_lm: true", MAPS, "class_type: SOFTMAX"),
        ("CenterGridOutput", f"num_classes: 1 {SCALES}", [*MAPS[:2], (1, 6, 2, 2)], "1x5xHxW"),
        ("CenterGridOutput", f"num_classes: 1 {SCALES} nms_param {{ }}", MAPS, "by nms_thresh"),
        ("CenternetDetectionOutput", "num_classes: 2", [(1, 4, 2, 2), (1, 2, 2, 2)], "scores of"),
        ("CenternetDetectionOutput", "num_classes: 2", [(1, 5, 2, 2)] * 2, "the shape Nx4xHxW"),
        ("DetectionOutput", "num_classes: 2 has_lm: true", [(1, 4), (1, 2), (1, 2, 4)], "is for"),
    ],
)
def test_what_an_output_would_not_take(kind, fields, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        protonet.compile(text_of(kind, f"detection_output_param {{ {fields} }}", shapes))
    assert caught.value.span is not None
