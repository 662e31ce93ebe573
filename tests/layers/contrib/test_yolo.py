"""YOLO's, SegNet's and R-FCN's layers over randomised fields, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import regions_reference as regions
import torch
import yolo_reference as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError

quick = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
LACKING = (
    'type: "Yolov3DetectionOutput" yolov3_detection_output_param { mask_group_num: 1 '
    "num_box: 1 num_classes: 2 anchors_scale: 32 mask: 1 biases: 3 biases: 4 }"
)
seeds = st.integers(0, 2**16)
flags = st.booleans()


def compiled(layer, shapes, tops=1):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    names = [f"t{i}" for i in range(tops)]
    given_tops = " ".join(f'top: "{name}"' for name in names)
    text += f'layer {{ name: "l" {bottoms} {given_tops} {layer} }}'
    return protonet.compile(text, outputs=names).double()


def run(net, *arrays):
    given_ = [a if torch.is_tensor(a) else torch.from_numpy(np.asarray(a, float)) for a in arrays]
    return list(net(*given_).values())


def close(actual, wanted):
    assert tuple(actual.shape) == np.shape(wanted)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=1e-6, atol=1e-7)


def word(flag):
    return str(flag).lower()


@quick
@given(seeds, st.integers(1, 3), flags)
def test_reorg(seed, stride, reverse):
    x = np.random.default_rng(seed).normal(size=(2, 2 * stride**2, 2 * stride, 3 * stride))
    layer = f'type: "Reorg" reorg_param {{ stride: {stride} reverse: {word(reverse)} }}'
    net = compiled(layer, [x.shape])
    close(run(net, x)[0], reference.reorg(x, stride, reverse))
    torch.autograd.gradcheck(
        lambda v: net(v)["t0"], torch.from_numpy(x).requires_grad_(), fast_mode=True
    )


@quick
@given(seeds, st.integers(1, 4))
def test_upsample_repeats(seed, scale):
    x = np.random.default_rng(seed).normal(size=(2, 3, 2, 3))
    net = compiled(f'type: "Upsample" upsample_param {{ scale: {scale} }}', [x.shape])
    close(run(net, x)[0], x.repeat(scale, 2).repeat(scale, 3))


@quick
@given(seeds, st.sampled_from(["scale", "sides", "size"]), flags)
def test_upsample_with_a_mask(seed, how, pads):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(2, 3, 3, 4))
    size = {"scale": (6, 8), "sides": (6, 12), "size": (7, 9)}[how]
    fields = {
        "scale": "scale: 2",
        "sides": "scale_h: 2 scale_w: 3",
        "size": "upsample_h: 7 upsample_w: 9",
    }[how]
    if pads and how != "size":
        fields, size = f"{fields} pad_out_h: true", (5, size[1])
    mask = np.stack([draw.permutation(size[0] * size[1])[:12] for _ in range(6)]).reshape(x.shape)
    layer = f'type: "Upsample" upsample_param {{ {fields} }}'
    net = compiled(layer, [x.shape, x.shape])
    close(run(net, x, mask)[0], reference.unpool(x, mask, size))
    places = torch.from_numpy(mask).double()
    torch.autograd.gradcheck(
        lambda v: net(v, places)["t0"], torch.from_numpy(x).requires_grad_(), fast_mode=True
    )


def test_a_mask_of_max_pooling_undoes_it():
    text = """
    input: "x"
    input_shape { dim: 2 dim: 3 dim: 6 dim: 8 }
    layer { name: "pool" type: "Pooling" bottom: "x" top: "p" top: "mask"
            pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
    layer { name: "up" type: "Upsample" bottom: "p" bottom: "mask" top: "y"
            upsample_param { scale: 2 } }
    """
    x = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    y = protonet.compile(text)(x)
    largest = torch.nn.functional.max_pool2d(x, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(y, torch.where(x == largest, x, 0))


@quick
@given(seeds, st.integers(1, 3), st.sampled_from([0.05, 0.3, 0.95]), st.integers(1, 2))
def test_yolov3_detections(seed, classes, threshold, images):
    draw = np.random.default_rng(seed)
    maps = [draw.normal(size=(images, 2 * (5 + classes), h, w)) for h, w in ((2, 3), (4, 4))]
    pairs = [(30, 40), (60, 20.5), (15, 10), (90, 80)]
    fields = f"num_classes: {classes} num_box: 2 mask_group_num: 2 anchors_scale: 32 "
    fields += f"anchors_scale: 16 confidence_threshold: {threshold} nms_threshold: 0.4 "
    fields += "mask: 3 mask: 1 mask: 0 mask: 2 " + " ".join(
        f"biases: {v}" for pair in pairs for v in pair
    )
    layer = f'type: "Yolov3DetectionOutput" yolov3_detection_output_param {{ {fields} }}'
    p = {"all_classes": True, "threshold": threshold, "nms": 0.4}
    anchors = [[pairs[3], pairs[1]], [pairs[0], pairs[2]]]
    wanted = reference.detections(maps, classes, anchors, [32, 16], p)
    close(run(compiled(layer, [x.shape for x in maps]), *maps)[0], wanted)


@quick
@given(seeds, st.integers(1, 3), st.sampled_from([0.05, 0.3, 0.95]), st.integers(1, 2))
def test_yolov2_detections(seed, classes, threshold, bottoms):
    draw = np.random.default_rng(seed)
    maps = [draw.normal(size=(2, 2 * (5 + classes), 3, 3)) for _ in range(bottoms)]
    fields = f"num_classes: {classes} num_box: 2 confidence_threshold: {threshold} "
    fields += "biases: 1.5 biases: 2 biases: 0.75 biases: 1"
    layer = f'type: "YoloDetectionOutput" yolo_detection_output_param {{ {fields} }}'
    p = {"all_classes": False, "threshold": threshold, "nms": 0.45}
    anchors = [[(1.5, 2), (0.75, 1)]] * bottoms
    wanted = reference.detections(maps, classes, anchors, [1] * bottoms, p)
    close(run(compiled(layer, [x.shape for x in maps]), *maps)[0], wanted)


@quick
@given(seeds, st.integers(1, 3), st.integers(1, 4))
def test_box_annotator_ohem(seed, images, most):
    draw = np.random.default_rng(seed)
    boxes = np.hstack([draw.integers(0, images, (9, 1)), draw.normal(size=(9, 4))])
    losses, labels = draw.normal(size=(9, 1, 1, 1)), draw.integers(0, 5, 9).astype(float)
    weights = draw.normal(size=(9, 8))
    layer = f'type: "BoxAnnotatorOHEM" box_annotator_ohem_param {{ roi_per_img: {most} }}'
    arrays = (boxes, losses, labels, weights)
    kept, given_ = run(compiled(layer, [a.shape for a in arrays], 2), *arrays)
    wanted = regions.ohem(boxes, losses, labels, weights, most, -1)
    close(kept, wanted[0].reshape(9, 1, 1, 1))
    close(given_, wanted[1].reshape(9, 8, 1, 1))


@quick
@given(seeds, st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"]), flags, flags)
def test_smooth_l1_loss_ohem(seed, mode, weighted, images):
    draw = np.random.default_rng(seed)
    shape = (3, 4, 2, 5) if images else (3, 4)
    arrays = [draw.normal(size=shape) * 2 for _ in range(3 if weighted else 2)]
    loss = f"loss_param {{ normalization: {mode} pre_fixed_normalizer: 7 }}"
    loss += " loss_weight: 1 loss_weight: 0"
    net = compiled(f'type: "SmoothL1LossOHEM" {loss}', [shape] * len(arrays), 2)
    total, each = run(net, *arrays)
    off = np.abs((arrays[2] if weighted else 1) * (arrays[0] - arrays[1]))
    losses = np.where(off < 1, off**2 / 2, off - 0.5)
    places = 30 if images else 3
    sizes = {"FULL": places, "VALID": places, "BATCH_SIZE": 3, "NONE": 1, "PRE_FIXED": 7}
    close(total, losses.sum() / sizes[mode])
    close(each, losses.sum(1, keepdims=True).reshape(3, 1, *(shape[2:] or (1, 1))))
    pair = [torch.from_numpy(a).requires_grad_() for a in arrays[:2]]
    rest = [torch.from_numpy(a) for a in arrays[2:]]
    torch.autograd.gradcheck(lambda a, b: net(a, b, *rest)["t0"], pair, fast_mode=True)


@quick
@given(seeds, st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"]), flags, flags)
def test_softmax_with_loss_ohem(seed, mode, ignores, images):
    draw = np.random.default_rng(seed)
    shape = (3, 4, 2, 5) if images else (3, 4)
    scores, labels = draw.normal(size=shape), draw.integers(0, 4, (3, *shape[2:]))
    ignore = "ignore_label: 2" if ignores else ""
    loss = f"loss_param {{ normalization: {mode} pre_fixed_normalizer: 7 {ignore} }}"
    loss += " loss_weight: 1 loss_weight: 0 loss_weight: 0"
    net = compiled(f'type: "SoftmaxWithLossOHEM" {loss}', [shape, labels.shape], 3)
    total, prob, each = run(net, scores, labels)
    wanted = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    losses = -np.log(np.take_along_axis(wanted, labels[:, None], 1))[:, 0]
    losses = np.where(ignores & (labels == 2), 0, losses)
    kept = max(1, (labels != 2).sum()) if ignores else labels.size
    sizes = {"FULL": labels.size, "VALID": kept, "BATCH_SIZE": 3, "NONE": 1, "PRE_FIXED": 7}
    close(total, losses.sum() / sizes[mode])
    close(prob, wanted)
    np.testing.assert_allclose(each.numpy().reshape(-1), losses.reshape(-1), rtol=1e-6, atol=1e-9)
    real = torch.from_numpy(labels).double()
    torch.autograd.gradcheck(
        lambda v: net(v, real)["t0"], torch.from_numpy(scores).requires_grad_(), fast_mode=True
    )


@pytest.mark.parametrize(
    ("layer", "shapes", "told"),
    [
        ('type: "Reorg"', [(1, 4, 2, 2)], "it has no stride"),
        ('type: "Reorg" reorg_param { stride: 2 }', [(1, 6, 2, 2)], "no multiple of 2²"),
        ('type: "Reorg" reorg_param { stride: 2 }', [(1, 4, 3, 2)], "does not divide 3x2"),
        ('type: "Upsample" upsample_param { scale: -1 }', [(1, 4, 3, 2)], "positive, not -1"),
        ('type: "Upsample" upsample_param { scale_h: 2 scale_w: 2 }', [(1, 4, 3, 2)], "the mask"),
        ('type: "Upsample"', [(1, 4, 3, 2), (1, 4, 3, 3)], "has not the shape 1x4x3x2"),
        ('type: "RegionLoss" region_loss_param { num: 1 }', [(1, 25, 2, 2), (1, 5)], "2 biases"),
        (
            LACKING.replace("mask: 1", "mask: 0 gaussian_box: true"),
            [(1, 11, 2, 2)],
            "gaussian_box is not done: on the CPU the fork reads scores it never wrote",
        ),
        (
            LACKING,
            [(1, 7, 2, 2)],
            "there is no pair of biases 1, there are 1",
        ),
        (
            'type: "YoloDetectionOutput" yolo_detection_output_param { num_box: 1 biases: 3 }',
            [(1, 25, 2, 2)],
            "1 boxes take 2 biases, not 1",
        ),
    ],
)
def test_what_the_forks_would_refuse(layer, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        compiled(layer, shapes)
    assert caught.value.span is not None
