"""YOLOv3's and its segmentation's losses over randomised fields, against plain numpy."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
import yolov3_reference as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import protonet
from protonet import NetError

quick = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
flags = st.booleans()
kinds = st.sampled_from(["iou", "giou", "mse", "diou", "ciou"])
ANCHORS = [(8, 10), (20, 18), (40, 60), (64, 30)]
YOLOV3 = "biases: 3 biases: 4 num: 1 num_class: 2"


def prototxt(layer, shapes):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    return text + f'layer {{ name: "l" {bottoms} top: "y" {layer} }}'


def net_of(layer, shapes):
    return protonet.compile(prototxt(layer, shapes), outputs=["y"]).double()


def value_and_gradient(layer, x, *rest):
    variable = torch.from_numpy(x).requires_grad_()
    loss = layer(variable, *(torch.from_numpy(a) for a in rest))
    (2 * loss).backward()
    return loss.item(), variable.grad.numpy() / 2


def draw_truth(draw, images, real):
    truth = np.zeros((images, 8, 5))
    truth[:, :real, 0] = draw.integers(0, 3, (images, real))
    truth[:, :real, 1:3] = draw.uniform(0.05, 0.95, (images, real, 2))
    truth[:, :real, 3:] = draw.uniform(0.05, 0.8, (images, real, 2))
    truth[:, real // 2 : real, 1:3] = truth[:, : real - real // 2, 1:3]  # several at one place
    truth[:, real + 1 :, 0] = 1
    return truth


@functools.cache
def yolov3_net():
    fields = "num_class: 3 num: 2 mask: 0 mask: 1 thresh: 0.3 class_scale: 2 coord_scale: 1.5 "
    fields += "anchors_scale: 16 iou_normalizer: 0.5 max_delta: 0.7 "
    fields += " ".join(f"biases: {v}" for pair in ANCHORS for v in pair)
    layer = f'type: "Yolov3" yolov3_param {{ {fields} }}'
    return net_of(layer, [(2, 2 * 8, 3, 4), (2, 1, 8, 5)])


def test_the_fields_of_yolov3_reach_the_module():
    net = yolov3_net()
    assert (net.l.anchors, net.l.mask, net.l.classes, net.l.stride) == (ANCHORS, [0, 1], 3, 16)
    fields = "num_class: 2 num: 1 mask: 1 biases: 1 biases: 2 biases: 3.5 biases: 4 "
    fields += "iou_thresh: 0.25 object_scale: 5 use_logic_gradient: true iou_loss: CIOU "
    fields += "accumulate: false label_smooth_eps: 0 use_focal_loss: true"
    text = protonet.emit(
        prototxt(f'type: "Yolov3" yolov3_param {{ {fields} }}', [(1, 7, 2, 2), (1, 5)])
    )
    (line,) = (line.strip() for line in text.splitlines() if "self.l = Yolov3Loss(" in line)
    assert line == "self.l = Yolov3Loss("
    given_ = text.split("self.l = Yolov3Loss(")[1].split("        )\n")[0].split()
    assert " ".join(given_) == (
        "[(1, 2), (3.5, 4)], [1], 2, anchor_threshold=0.25, object_scale=5.0, "
        'box_loss="ciou", accumulate=False, smoothing=0.0, focal=True, by_slope=True,'
    )


@settings(quick, max_examples=40)
@given(seeds, st.integers(0, 6), kinds, flags, flags, flags, st.sampled_from([0.2, 0.5, 1.0]))
def test_yolov3(seed, real, iou_loss, focal, logic, accumulate, iou_thresh):
    draw, net = np.random.default_rng(seed), yolov3_net()
    x, truth = draw.normal(size=(2, 2 * 8, 3, 4)), draw_truth(draw, 2, real)
    mask = [[0, 1], [2, 3], [1, 2], [3, 0]][seed % 4]
    p = {"scale": 16, "thresh": 0.3, "object_scale": 5, "class_scale": 2, "coord_scale": 1.5}
    p |= {"iou_normalizer": 0.5, "max_delta": 0.7, "label_smooth_eps": 0.1 * (seed % 3)}
    p |= {"iou_thresh": iou_thresh, "iou_loss": iou_loss, "accumulate": accumulate}
    p |= {"use_focal_loss": focal, "use_logic_gradient": logic}
    options = {"anchor_threshold": iou_thresh, "box_loss": iou_loss, "accumulate": accumulate}
    options |= {"object_scale": 5 if logic else 1, "class_scale": 2, "box_scale": 1.5}
    options |= {"overlap_scale": 0.5, "most": 0.7, "smoothing": 0.1 * (seed % 3)}
    loss = type(net.l)(
        ANCHORS, mask, 3, stride=16, threshold=0.3, focal=focal, by_slope=logic, **options
    )
    value, gradient = value_and_gradient(loss, x, truth.reshape(2, 1, 8, 5))
    wanted, slope = reference.loss(x, truth, ANCHORS, mask, p)
    assert_allclose(value, wanted, rtol=1e-9)
    assert_allclose(gradient, slope, rtol=1e-7, atol=1e-12)


@quick
@given(seeds, st.sampled_from(["iou", "giou"]))
def test_the_way_to_a_greater_overlap_is_the_gradient_but_for_the_size(seed, kind):
    emitted = type(yolov3_net().l).forward.__globals__
    box_overlap, overlap_slope = emitted["box_overlap"], emitted["overlap_slope"]
    draw = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, 30, 4, generator=draw, dtype=torch.double).add(0.2)
    a.requires_grad_()
    (gradient,) = torch.autograd.grad(box_overlap(a, b, kind).sum(), a)
    meets = box_overlap(a, b) > 0
    way = overlap_slope(a.detach(), b, kind) / torch.tensor([1, 1, 2, 2])
    torch.testing.assert_close(way[meets], gradient[meets])
    assert meets.any()


@pytest.mark.parametrize(
    ("fields", "shapes", "told"),
    [
        (YOLOV3, [(1, 7, 2, 2), (1, 5)], "1 boxes take as many masks, not 0"),
        (f"{YOLOV3} mask: 1", [(1, 7, 2, 2), (1, 5)], "no pair of biases 1, there are 1"),
        (f"{YOLOV3} mask: 0", [(1, 8, 2, 2), (1, 5)], "take 7 channels, not 1x8x2x2"),
        (f"{YOLOV3} mask: 0", [(1, 7, 2, 2), (1, 1, 3, 8)], "have the shape 1xM\\*5"),
        (f"{YOLOV3} mask: 0 anchors_scale: 0", [(1, 7, 2, 2), (1, 5)], "must be positive"),
    ],
)
def test_what_yolov3_would_not_take(fields, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        net_of(f'type: "Yolov3" yolov3_param {{ {fields} }}', shapes)
    assert caught.value.span is not None
