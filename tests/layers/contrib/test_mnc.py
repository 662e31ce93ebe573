"""MNC's warped regions and weighed loss against loops in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from one_layer import close, compiled, gradients_hold, numbers, outputs
from regions_reference import half_away

from protonet import NetError


def corners(at, length):
    """The two places around one and the weight of the second; None more than half outside."""
    if at < -0.5 or at > length - 0.5:
        return None
    at = max(at, 0.0)
    low = int(at)
    if low >= length - 1:
        return length - 1, length - 1, 0.0
    return low, low + 1, at - low


def reached(place, bin_, start, end, side, bins):
    """Whether the fork sends a bin's gradient to a place of the map, along one axis."""
    if not start <= place <= end:
        return False
    step = side / bins
    first = math.floor((place - start - 1) / step - 1)
    return max(first, 0) <= bin_ < min(math.ceil((place - start + 1) / step), bins)


def warped(x, regions, size, scale, top):
    """The top, and for its gradient ``top`` those of the map and the regions."""
    y = np.zeros((len(regions), x.shape[1], *size))
    to_map, to_regions = np.zeros_like(x), np.zeros_like(regions)
    for k, row in enumerate(regions):
        image, (left, up, right, down) = int(row[0]), [half_away(v * scale) for v in row[1:]]
        wide, high = max(right - left + 1, 1), max(down - up + 1, 1)
        for i, j in np.ndindex(*size):
            at = [up + i * max(down - up, 0) / size[0], left + j * max(right - left, 0) / size[1]]
            pair = corners(at[0], x.shape[2]), corners(at[1], x.shape[3])
            if None in pair:
                continue
            (r, r2, a), (s, s2, b) = pair
            spots = [(r, s, (1 - a) * (1 - b)), (r, s2, (1 - a) * b), (r2, s, a * (1 - b))]
            for h, w, weight in [*spots, (r2, s2, a * b)]:
                y[k, :, i, j] += weight * x[image, :, h, w]
                if reached(h, i, up, down, high, size[0]) and reached(
                    w, j, left, right, wide, size[1]
                ):
                    to_map[image, :, h, w] += weight * top[k, :, i, j]
            if r + 1 > x.shape[2] - 1 or s + 1 > x.shape[3] - 1:
                continue
            v = x[image]
            across = (1 - a) * (v[:, r, s2] - v[:, r, s]) + a * (v[:, r2, s2] - v[:, r2, s])
            along = (1 - b) * (v[:, r2, s] - v[:, r, s]) + b * (v[:, r2, s2] - v[:, r, s2])
            across, along = (scale * (g * top[k, :, i, j]).sum() for g in (across, along))
            share = (r + a - up) / high, (s + b - left) / wide
            to_regions[k, 1:3] += across * (1 - share[1]), along * (1 - share[0])
            to_regions[k, 3:] += across * share[1], along * share[0]
    return y, to_map, to_regions


@pytest.mark.parametrize(("size", "scale"), [((3, 4), 1.0), ((6, 5), 0.5), ((9, 2), 0.25)])
def test_roi_warping(size, scale):
    draw = np.random.default_rng(1)
    x, low = numbers(2, (2, 3, 6, 8)), draw.uniform(-2, 5, (7, 2)) / scale
    high = low + draw.uniform(-1, 6, (7, 2)) / scale
    regions = np.hstack([draw.integers(0, 2, (7, 1)), low, high])
    top = numbers(3, (7, 3, *size))
    fields = f"pooled_h: {size[0]} pooled_w: {size[1]} spatial_scale: {scale}"
    net = compiled("ROIWarping", f"roi_warping_param {{ {fields} }}", [x.shape, (7, 5)])
    given = [torch.from_numpy(a).requires_grad_() for a in (x, regions)]
    (y,) = net(*given).values()
    wanted, to_map, to_regions = warped(x, regions, size, scale, top)
    close(y.detach().numpy(), wanted)
    y.backward(torch.from_numpy(top))
    close(given[0].grad.numpy(), to_map)
    close(given[1].grad.numpy(), to_regions)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 2, 2)])
def test_weighed_entropy(shape):
    x, target = numbers(4, shape), np.random.default_rng(5).uniform(size=shape)
    weights = np.random.default_rng(6).uniform(size=shape) * (numbers(7, shape) > 0)
    net = compiled("SigmoidCrossEntropyLoss", "", [shape] * 3)
    chance = 1 / (1 + np.exp(-x))
    each = -(target * np.log(chance) + (1 - target) * np.log(1 - chance))
    close(outputs(net, x, target, weights)[0], (weights * each).sum() / weights.sum())
    assert gradients_hold(net, x, target, weights)
    variable = torch.from_numpy(x).requires_grad_()
    (lost,) = net(variable, torch.from_numpy(target), torch.zeros(shape).double()).values()
    lost.backward()
    assert lost.item() == 0
    assert not variable.grad.any()


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "what"),
    [
        ("ROIWarping", "roi_warping_param { pooled_w: 1 }", [(1, 2, 3, 3), (2, 5)], "pooled_h"),
        ("ROIWarping", "", [(1, 2, 3), (2, 5)], "4 axes"),
        ("ROIWarping", "", [(1, 2, 3, 3), (2, 4)], "Nx5"),
        ("SigmoidCrossEntropyLoss", "", [(2, 3), (2, 3), (2, 1)], "different numbers"),
        (
            "SigmoidCrossEntropyLoss",
            "loss_param { normalization: VALID }",
            [(2, 3)] * 3,
            "divide the sum",
        ),
    ],
)
def test_mncs_mistakes_are_told(kind, fields, shapes, what):
    with pytest.raises(NetError, match=what):
        compiled(kind, fields, shapes)
