"""The segmentation forks' layers: Interp, SegAccuracy, SpatialProduct, the families of BN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet import NetError
from protonet.api import graph

seeds = st.integers(0, 2**16)


def resized(x, height, width):
    """Loop by loop: pixel i of n lies at i * (m - 1) / (n - 1) of m."""
    y = np.zeros((*x.shape[:2], height, width))
    rows = (x.shape[2] - 1) / (height - 1) if height > 1 else 0
    columns = (x.shape[3] - 1) / (width - 1) if width > 1 else 0
    for i in range(height):
        top, down = int(i * rows), i * rows - int(i * rows)
        below = min(top + 1, x.shape[2] - 1)
        for j in range(width):
            left, right = int(j * columns), j * columns - int(j * columns)
            beside = min(left + 1, x.shape[3] - 1)
            upper = (1 - right) * x[:, :, top, left] + right * x[:, :, top, beside]
            lower = (1 - right) * x[:, :, below, left] + right * x[:, :, below, beside]
            y[:, :, i, j] = (1 - down) * upper + down * lower
    return y


def interp_size(n, shrink, zoom):
    if shrink:
        n = (n - 1) // shrink + 1
    return n + (n - 1) * (zoom - 1) if zoom else n


@quick
@given(
    seeds,
    st.sampled_from(["size", "zoom", "shrink", "both", "like"]),
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 4),
    st.integers(1, 4),
    st.tuples(st.integers(-2, 0), st.integers(-2, 0)),
)
def test_interp(seed, rule, size, target, zoom, shrink, cut):
    assume(min(size) + sum(cut) > 0)
    x = numbers(seed, (2, 2, *size))
    inner = x[:, :, -cut[0] : size[0] + cut[1], -cut[0] : size[1] + cut[1]]
    fields = f"pad_beg: {cut[0]} pad_end: {cut[1]} "
    shapes, arrays = [x.shape], [x]
    if rule == "size":
        fields += f"height: {target[0]} width: {target[1]}"
    if rule == "like":
        fields += "use_blob_size: true"
        arrays.append(numbers(seed, (2, 1, *target)))
        shapes.append(arrays[-1].shape)
    if rule in ("zoom", "shrink", "both"):
        shrunk, zoomed = shrink * (rule != "zoom"), zoom * (rule != "shrink")
        target = [interp_size(n, shrunk, zoomed) for n in inner.shape[2:]]
        fields += f"shrink_factor: {shrink} " if shrunk else ""
        fields += f"zoom_factor: {zoom}" if zoomed else ""
    net = compiled("Interp", f"interp_param {{ {fields} }}", shapes)
    close(outputs(net, *arrays)[0], resized(inner, *target))


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ("pad_beg: 1 height: 4 width: 4", "can only cut off"),
        ("height: 4", "does not say a size"),
        ("height: 0 width: 4", "height must be positive"),
        ("zoom_factor: 0", "zoom_factor must be positive"),
        ("pad_beg: -5 pad_end: -5 zoom_factor: 2", "leave"),
        ("use_blob_size: true", "needs a second bottom"),
        ("", "does not say a size"),
        ("crop_odd: true use_blob_size: true", "are of two forks"),
        ("crop_odd: true shrink_factor: 9", "shrink_factor 9 leaves nothing of 8x8"),
    ],
)
def test_interp_refuses(fields, what):
    with pytest.raises(NetError, match=what):
        compiled("Interp", f"interp_param {{ {fields} }}", [(1, 1, 8, 8)])


@pytest.mark.parametrize("size", [(9, 12), (8, 11), (7, 7), (12, 6)])
@pytest.mark.parametrize(
    ("fields", "height", "width"),
    [
        ("zoom_factor: 3", "3 * h", "3 * w"),
        ("shrink_factor: 2", "h // 2", "w // 2"),
        ("shrink_factor: 3 zoom_factor: 2", "h // 3 * 2", "w // 3 * 2"),
        ("height: 5 width: 4", "5", "4"),
    ],
)
def test_interp_of_kinpzz(size, fields, height, width):
    """Where the height is odd, both sides lose one before and get it back behind."""
    odd = size[0] % 2
    h, w = (n - odd for n in size)
    x = numbers(3, (2, 2, *size))
    target = [eval(text, {"h": h, "w": w}) + odd for text in (height, width)]
    net = compiled("Interp", f"interp_param {{ {fields} crop_odd: true }}", [x.shape])
    close(outputs(net, x)[0], resized(x[:, :, :h, :w], *target))
    assert gradients_hold(net, x)


def test_a_mask_writer_tells_whose_interp_it_is():
    writer = """
layer { name: "w" type: "BinaryPngWrite" bottom: "t0" binary_png_write_param { prefix: "o" } }"""
    text = text_of("Interp", "interp_param { zoom_factor: 2 }", [(1, 2, 9, 9)])
    for net, size in ((text, (17, 17)), (text + writer, (17, 17))):
        assert graph(net).blobs["t0"].shape[2:] == size
    even = text.replace("dim: 9", "dim: 8")
    assert graph(even).blobs["t0"].shape[2:] == (15, 15)
    assert graph(even + writer).blobs["t0"].shape[2:] == (16, 16)
    stated = even.replace("zoom_factor: 2", "zoom_factor: 2 crop_odd: false")
    assert graph(stated + writer).blobs["t0"].shape[2:] == (15, 15)


def test_interp_has_gradients_and_takes_other_sizes():
    net = compiled("Interp", "interp_param { zoom_factor: 3 }", [(1, 2, 3, 4)])
    gradients_hold(net, numbers(1, (1, 2, 3, 4)))
    x = numbers(2, (3, 2, 5, 6))
    close(outputs(net, x)[0], resized(x, 13, 16))


def confusion(scores, labels, ignore, classes):
    counts = np.zeros((classes, classes))
    best = scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0.5).astype(int)
    for truth, found in zip(labels.astype(int).ravel(), best.ravel(), strict=True):
        if truth not in ignore:
            counts[truth, found] += 1
    return counts


def figures(counts):
    rows, columns, right = counts.sum(1), counts.sum(0), np.diag(counts)
    recalls = [r / n for r, n in zip(right, rows, strict=True) if n]
    overlaps = [
        1 if r == n + m - r else r / (n + m - r)
        for r, n, m in zip(right, rows, columns, strict=True)
    ]
    total = counts.sum()
    return [
        right.sum() / total if total else 0,
        np.mean(recalls) if recalls else 0,
        np.mean(overlaps),
    ]


@quick
@given(seeds, st.integers(1, 5), st.sampled_from([(), (255,), (0, 255)]), st.booleans())
def test_seg_accuracy(seed, channels, ignore, reset):
    classes = max(2, channels)
    draw = np.random.default_rng(seed)
    fields = " ".join(f"ignore_label: {n}" for n in ignore) + f" reset: {str(reset).lower()}"
    shapes = [(2, channels, 3, 4), (2, 1, 3, 4)]
    net = compiled("SegAccuracy", f"seg_accuracy_param {{ {fields} }}", shapes)
    total = np.zeros((classes, classes))
    for _ in range(2):
        scores = draw.normal(size=shapes[0])
        known = [*range(classes - 1), *(n for n in ignore if n > classes)]
        labels = draw.choice(known, shapes[1])
        counts = confusion(scores, labels, ignore, classes)
        total = counts if reset else total + counts
        close(outputs(net, scores, labels)[0].ravel(), figures(total))


SEGNET = "scale_filler { type: 'gaussian' } shift_filler { type: 'gaussian' }"
PSPNET = "slope_filler { type: 'gaussian' } bias_filler { type: 'gaussian' }"


def over_channels(values, x):
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def normalised(x, mean, variance, eps, scale, shift):
    mean, variance, scale, shift = (over_channels(v, x) for v in (mean, variance, scale, shift))
    return (x - mean) / np.sqrt(variance + eps) * scale + shift


def moments(x):
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    return x.mean(axes), x.var(axes)


shapes_ = st.sampled_from([(4, 3), (2, 3, 4, 5), (2, 3, 2, 3, 2)])


@quick
@given(seeds, shapes_, st.sampled_from(["TRAIN", "TEST"]))
def test_bn_of_segnet(seed, shape, phase):
    x = numbers(seed, shape)
    fields = f"bn_param {{ {SEGNET} }}"
    net = compiled("BN", fields, [shape], tops=3, phase=phase)
    scale, shift = filled(net, seed)
    assert scale.shape == (1, shape[1], 1, 1)
    mean, variance = moments(x)
    y, first, second = outputs(net, x)
    close(y, normalised(x, mean, variance, 1e-9, scale, shift), rtol=1e-5)
    close(first, mean.reshape(1, -1, 1, 1))
    close(second, variance.reshape(1, -1, 1, 1))
    net = compiled("BN", f"bn_param {{ {SEGNET} bn_mode: INFERENCE }}", [shape], phase=phase)
    scale, shift = filled(net, seed)
    close(outputs(net, x)[0], x * over_channels(scale, x) + over_channels(shift, x))


@quick
@given(
    seeds,
    shapes_,
    st.sampled_from([0.9, 0.5]),
    st.sampled_from(["DEFAULT", "CAFFE"]),
    st.booleans(),
)
def test_bn_of_pspnet(seed, shape, momentum, engine, frozen):
    x = numbers(seed, shape)
    fields = f"{PSPNET} momentum: {momentum} eps: 0.001 engine: {engine} "
    fields = f"bn_param {{ {fields} frozen: {str(frozen).lower()} }}"
    for phase in ("TEST", "TRAIN"):
        net = compiled("BN", fields, [shape], phase=phase)
        slope, bias, mean, variance = filled(net, seed, low=0.1)
        stored = frozen or phase == "TEST"
        used = (mean, variance) if stored else moments(x)
        wanted = normalised(x, *used, np.float64(np.float32(0.001)), slope, bias)
        close(outputs(net, x)[0], wanted, rtol=1e-5)
        after = protonet.dump_blobs(net)["l"]
        count = x.size // shape[1]
        unbiased = 1 if engine == "CAFFE" or stored else count / (count - 1)
        keep = 1 if stored else momentum
        batch = [v.reshape(mean.shape) for v in moments(x)]
        close(after[2], keep * mean + (1 - keep) * batch[0], rtol=1e-5)
        close(after[3], keep * variance + (1 - keep) * batch[1] * unbiased, rtol=1e-5)


@quick
@given(seeds, shapes_, st.booleans())
def test_bn_of_happynear(seed, shape, moving):
    x = numbers(seed, shape)
    fields = f"{SEGNET} decay: 0.75 var_eps: 0.5 moving_average: {str(moving).lower()}"
    for phase in ("TEST", "TRAIN"):
        net = compiled("BN", f"bn_param {{ {fields} }}", [shape], phase=phase)
        scale, shift, mean, variance = filled(net, seed, low=0.1)
        stored = phase == "TEST" and moving
        used = (mean, variance) if stored else moments(x)
        close(outputs(net, x)[0], normalised(x, *used, 0.5, scale, shift), rtol=1e-5)
        after = protonet.dump_blobs(net)["l"]
        batch = [v.reshape(mean.shape) for v in moments(x)]
        weight = 0.75 if phase == "TRAIN" else 0
        close(after[2], weight * batch[0] + (1 - weight) * mean, rtol=1e-5)
        close(after[3], weight * batch[1] + (1 - weight) * variance, rtol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [SEGNET, f"{SEGNET} bn_mode: INFERENCE", f"{PSPNET} engine: CAFFE", f"{PSPNET} frozen: true"],
)
def test_bn_has_gradients(fields):
    net = compiled("BN", f"bn_param {{ {fields} }}", [(3, 2, 2, 2)], phase="TRAIN")
    filled(net, 3, low=0.1)
    gradients_hold(net, numbers(4, (3, 2, 2, 2)))
    assert bool(list(net.parameters())) == ("frozen" not in fields)


def test_bn_refuses_two_forks_in_one():
    with pytest.raises(NetError, match="momentum is of another fork's BN"):
        compiled("BN", f"bn_param {{ {SEGNET} momentum: 0.9 }}", [(2, 3)])
    with pytest.raises(NetError, match="only SegNet's BN in the mode LEARN"):
        compiled("BN", f"bn_param {{ {PSPNET} }}", [(2, 3)], tops=2)


def test_bn_after_the_first_forks_four_blobs():
    params = "param { lr_mult: 1 } param { lr_mult: 1 } param { lr_mult: 0 } param { lr_mult: 0 }"
    net = compiled("BN", f"bn_param {{ {SEGNET} }} {params}", [(2, 3)])
    assert len(protonet.dump_blobs(net)["l"]) == 4
    assert torch.equal(net.l.running_var, torch.ones(3).double())


def test_spatial_product():
    shapes = [(2, 3, 4, 5), (2, 1, 4, 5)]
    net = compiled("SpatialProduct", "", shapes)
    x, weight = numbers(1, shapes[0]), numbers(2, shapes[1])
    wanted = np.stack([x[:, c] * weight[:, 0] for c in range(3)], 1)
    close(outputs(net, x, weight)[0], wanted)
    assert gradients_hold(net, x, weight, bottoms=(0, 1))
    problems = protonet.check(text_of("SpatialProduct", "", [shapes[0], (2, 3, 4, 5)]))
    assert "takes a factor of 2x1x4x5" in problems[0].message
