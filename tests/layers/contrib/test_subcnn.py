"""SubCNN's, MNC's, craftGBD's and the deformable layers against loops in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import regions_reference as reference
import torch
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs

import protonet
from protonet import NetError


def bilinear_rows(x, factor):
    """A map (h, w) sampled at its places over a factor, and what reaches it, two places around."""
    height, width = x.shape
    y, gradient = np.zeros_like(x), np.zeros_like(x)
    for h, w in np.ndindex(height, width):
        top, left = h / factor, w / factor
        for i, j in np.ndindex(2, 2):
            r, c = math.floor(top) + i, math.floor(left) + j
            if top < height and left < width and r < height and c < width:
                weight = (1 - abs(top - r)) * (1 - abs(left - c))
                y[h, w] += weight * x[r, c]
                near = abs(h - math.floor(r * factor)) <= 2 and abs(w - math.floor(c * factor)) <= 2
                gradient[r, c] += weight * near
    return y, gradient


@pytest.mark.parametrize(("scales", "steps"), [([1.0, 2.0], 4), ([0.25, 2.0], 6), ([1, 0.5, 3], 2)])
def test_feature_extrapolating(scales, steps):
    x = numbers(1, (2 * len(scales), 2, 7, 6))
    words = " ".join(str(s) for s in scales)
    fields = f'feature_extrapolating_param {{ scale_string: "{words}" num_per_octave: {steps} '
    net = compiled("FeatureExtrapolating", f"{fields} num_scale_base: {len(scales)} }}", [x.shape])
    variable = torch.from_numpy(x).requires_grad_()
    (y,) = net(variable).values()
    y.sum().backward()
    wanted, gradient = [], np.zeros_like(x)
    for image in range(2):
        for index in range((len(scales) - 1) * steps + 1):
            first, part = divmod(index, steps)
            base = math.floor(index / steps + 0.5)
            scale = scales[first]
            if part:
                scale += part * (scales[first + 1] - scales[first]) / steps
            at = image * len(scales) + base
            pairs = [bilinear_rows(plane, scale / scales[base]) for plane in x[at]]
            wanted.append([y for y, _ in pairs])
            gradient[at] += [g for _, g in pairs]
    close(y.detach().numpy(), wanted)
    close(variable.grad.numpy(), gradient)


def test_heatmap():
    x = numbers(2, (2, 4, 3, 3))
    x[0, 1:, 0, 0] = -3
    net = compiled("HeatmapGenerating", "", [x.shape])
    close(outputs(net, x)[0], np.maximum(x[:, 1:].max(1, keepdims=True), -1))
    variable = torch.from_numpy(x).requires_grad_()
    net(variable)["t0"].sum().backward()
    wanted = np.eye(4)[x[:, 1:].argmax(1) + 1].transpose(0, 3, 1, 2)
    wanted[0, :, 0, 0] = [1, 0, 0, 0]
    close(variable.grad.numpy(), wanted)


def test_generated_regions():
    draw = np.random.default_rng(3)
    heat = draw.permutation(2 * 2 * 5 * 6).reshape(4, 1, 5, 6) / 200
    facts = draw.uniform(0, 9, (7, 18)).round()
    facts[:, 0], facts[:, 1] = draw.integers(0, 6, 7), draw.integers(0, 5, 7)
    facts[:, 2] = [0, 1, 1, 0, 2, 3, 3]
    facts[:, 12] = draw.integers(0, 3, 7)
    parameters = np.array([2, 3, 1, 2, 1, 0, 2, 4, 6, 3, 5, 1], float)
    shapes = [heat.shape, facts.shape, parameters.shape]
    fields = "roi_generating_param { batch_size: 12 num_classes: 3 fg_fraction: 0.34 }"
    found = outputs(compiled("ROIGenerating", fields, shapes, 7), heat, facts, parameters)
    rois, sub, targets, weights, outside, mapped, labels = (top[..., 0, 0] for top in found)
    chance = [heat[int(f[2]), 0, int(f[1]), int(f[0])] for f in facts]
    objects = [*sorted(range(4), key=lambda i: chance[i])[:2]]
    objects += sorted(range(4, 7), key=lambda i: chance[i])[:2]
    for row, i in enumerate(objects):
        close(rois[row], facts[i, 2:7])
        close(mapped[row], facts[i, 7:12])
        wanted = np.zeros((3, 4))
        wanted[int(facts[i, 12])] = facts[i, 14:]
        close(targets[row], wanted.flatten())
        wanted[int(facts[i, 12])] = 1
        close(weights[row], wanted.flatten())
        assert (sub[row], labels[row]) == (facts[i, 13], facts[i, 12])
    close(outside, weights)
    assert not weights[4:].any()
    assert not labels[4:].any()
    masked = heat.copy()
    for f in facts:
        masked[int(f[2]), 0, int(f[1]), int(f[0])] = -1
    for image, rows in ((0, rois[4:8]), (1, rois[8:])):
        own = masked[2 * image : 2 * image + 2, 0]
        places = sorted(np.ndindex(*own.shape), key=lambda at: -own[at])[:4]
        for row, (level, y, x) in zip(rows, places, strict=True):
            sides = (row[3] - row[1], row[4] - row[2])
            assert row[0] == 2 * image + level
            close(row[1] + row[3], 2 * x * 16.0)
            close(row[2] + row[4], 2 * y * 16.0)
            assert tuple(s / 16 for s in sides) in {(3, 2), (5, 4), (1, 6)}
    for row, other in zip(rois[4:], mapped[4:], strict=True):
        image, level = divmod(int(row[0]), 2)
        x, y = (row[1] + row[3]) / 32, (row[2] + row[4]) / 32
        inside = x < 6 * [1, 2][level] / 2 and y < 5 * [1, 2][level] / 2
        to = [1, 0][level] if inside else level
        close(other, [2 * image + to, *(row[1:] * [1, 2][to] / [1, 2][level])])


def test_masks():
    x, mask = numbers(4, (1, 2, 2, 3)), numbers(5, (1, 1, 2, 3))
    net = compiled("MaskPooling", "", [x.shape, mask.shape])
    close(outputs(net, x, mask)[0], x * mask)
    assert gradients_hold(net, x, mask, bottoms=(0, 1))


@pytest.mark.parametrize("size", [(4, 6), (2, 3), (9, 3)])
def test_mask_resize(size):
    x = numbers(6, (2, 1, 3, 4))
    fields = f"mask_resize_param {{ output_height: {size[0]} output_width: {size[1]} }}"
    net = compiled("MaskResize", fields, [x.shape])
    variable = torch.from_numpy(x).requires_grad_()
    (y,) = net(variable).values()
    y.sum().backward()
    wanted, gradient = np.zeros(y.shape), np.zeros_like(x)
    down, across = 3 / size[0], 4 / size[1]
    for n, h, w in np.ndindex(2, *size):
        r, c = min(h * down, 2), min(w * across, 3)
        if h * down > 2.5 or w * across > 3.5:
            continue
        for i, j in np.ndindex(3, 4):
            weight = max(0, 1 - abs(r - i)) * max(0, 1 - abs(c - j))
            wanted[n, 0, h, w] += weight * x[n, 0, i, j]
            near = abs(h * down - i) < 1 and abs(w * across - j) < 1
            near &= math.floor(i / down) <= h <= math.floor(i / down) + 1
            near &= math.floor(j / across) <= w <= math.floor(j / across) + 1
            gradient[n, 0, i, j] += weight * near
    close(y.detach().numpy(), wanted)
    close(variable.grad.numpy(), gradient)


@pytest.mark.parametrize(("scale", "half"), [(1.5, 0), (0.8, 1), (1.0, 2), (2.0, 3), (1.2, 4)])
def test_roi_mask_pooling(scale, half):
    draw = np.random.default_rng(7)
    x = draw.integers(0, 9, (2, 2, 7, 9)).astype(float)
    low = draw.uniform(0, 40, (5, 2))
    regions = np.hstack([draw.integers(0, 2, (5, 1)), low, low + draw.uniform(0, 60, (5, 2))])
    fields = f"pooled_h: 3 pooled_w: 2 spatial_scale: 0.125 roi_scale: {scale} half_part: {half}"
    net = compiled("ROIMaskPooling", f"roi_mask_pooling_param {{ {fields} }}", [x.shape, (5, 5)])
    wide = regions.copy()
    for row in wide:
        middle, reach = (row[1:3] + row[3:]) / 2, (row[3:] - row[1:3]) * scale / 2
        row[1:3], row[3:] = middle - reach, middle + reach
        if half:
            row[{1: 3, 2: 1, 3: 4, 4: 2}[half]] = middle[0 if half < 3 else 1]
    close(outputs(net, x, regions)[0], reference.roi_pooling(x, wide, (3, 2), 0.125)[0])


def deformed(x, offset, weight, bias, groups, dilation):
    n, outputs_, size = len(x), len(weight), x.shape[2:]
    y = np.zeros((n, outputs_, *size)) + bias[:, None, None]
    per, channels = outputs_ // 2, x.shape[1]
    for i, o, h, w in np.ndindex(n, outputs_, *size):
        for c, r, s in np.ndindex(*weight.shape[1:]):
            channel = c + (o // per) * (channels // 2)
            tap = 2 * ((channel // (channels // groups)) * 9 + 3 * r + s)
            row = h - dilation + r * dilation + offset[i, tap, h, w]
            column = w - dilation + s * dilation + offset[i, tap + 1, h, w]
            if 0 <= row < size[0] and 0 <= column < size[1]:
                y[i, o, h, w] += weight[o, c, r, s] * reference.bilinear(x[i, channel], row, column)
    return y


@pytest.mark.parametrize(("groups", "dilation"), [(1, 1), (2, 2)])
def test_deformable_convolution(groups, dilation):
    x, offset = numbers(8, (2, 4, 4, 5)), 1.5 * numbers(9, (2, 18 * groups, 4, 5))
    fields = (
        f"deformable_convolution_param {{ num_output: 4 kernel_size: 3 pad: {dilation} group: 2 "
        f"dilation: {dilation} deformable_group: {groups} }}"
    )
    net = compiled("DeformableConvolution", fields, [x.shape, offset.shape])
    weight, bias = filled(net, 10)
    close(outputs(net, x, offset)[0], deformed(x, offset, weight, bias, groups, dilation))


def test_gradient_of_deformable_convolution():
    x, offset = numbers(11, (1, 2, 3, 3)), 0.7 * numbers(12, (1, 2, 3, 3))
    fields = "deformable_convolution_param { num_output: 1 kernel_size: 1 deformable_group: 1 }"
    net = compiled("DeformableConvolution", fields, [x.shape, offset.shape])
    filled(net, 13)
    assert gradients_hold(net, x, offset, bottoms=(0, 1))


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "what"),
    [
        ("FeatureExtrapolating", "", [(4, 2, 3, 3)], "scale_string"),
        ("HeatmapGenerating", "", [(4, 1, 3, 3)], "background"),
        ("MaskPooling", "", [(4, 2, 3, 3), (4, 2, 3, 3)], "take masks"),
        ("MaskResize", "", [(4, 2, 3, 3)], "output_height"),
        (
            "ROIMaskPooling",
            "roi_mask_pooling_param { pooled_h: 1 pooled_w: 1 mask_scale: 2 }",
            [(1, 2, 3, 3), (2, 5)],
            "mask within",
        ),
        (
            "DeformableConvolution",
            "deformable_convolution_param { num_output: 2 kernel_size: 3 deformable_group: 1 }",
            [(1, 2, 5, 5), (1, 18, 5, 5)],
            "output is 3x3",
        ),
    ],
)
def test_subcnns_mistakes_are_told(kind, fields, shapes, what):
    with pytest.raises(NetError, match=what):
        compiled(kind, fields, shapes)


def proposal(bottoms, param):
    inputs = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {n}' for n in shape)} }} }} }} "
        for name, shape in bottoms.items()
    )
    names = " ".join(f'bottom: "{name}"' for name in bottoms)
    return inputs + (
        f'layer {{ name: "l" type: "Python" {names} top: "y" python_param {{ '
        f'module: "rpn.proposal_layer" layer: "ProposalLayer" param_str: "{param}" }} }}'
    )


def test_ratios_of_anchors():
    bottoms = {"x": (1, 16, 4, 5), "delta": (1, 32, 4, 5), "size": (1, 3)}
    text = proposal(bottoms, "{'feat_stride': 16, 'ratios': [0.5, 1, 2, 3], 'scales': [4, 8]}")
    net = protonet.compile(text)
    assert tuple(net(torch.zeros(1, 16, 4, 5), torch.zeros(1, 32, 4, 5), torch.ones(1, 3)).shape)


def test_a_class_of_a_known_name_with_other_bottoms_is_the_users_own():
    bottoms = {"x": (1, 6, 4, 5), "delta": (1, 12, 4, 5), "size": (1, 3), "more": (1, 3)}
    with pytest.raises(NetError, match="allow_python"):
        protonet.compile(proposal(bottoms, "{'feat_stride': 16, 'scales': [8]}"))
