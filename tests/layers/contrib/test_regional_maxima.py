"""PSROIAlign, ROIAlignment and ROIAlignHalf, point by point."""

from __future__ import annotations

import numpy as np
import pytest
from one_layer import close, compiled, gradients_hold, numbers, outputs

from protonet import NetError

few = pytest.mark.parametrize("seed", range(6))


def regions(seed, images, count, limit):
    draw = np.random.default_rng(seed)
    low = draw.uniform(-4, limit, (count, 2))
    high = low + draw.uniform(-2, limit, (count, 2))
    return np.hstack([draw.integers(0, images, (count, 1)), low, high])


def bilinear(plane, y, x):
    height, width = plane.shape
    top, left = int(np.floor(y)), int(np.floor(x))
    total = 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            total += weight * plane[min(row, height - 1), min(column, width - 1)]
    return total


def bins(low, high, count, limit, least, more):
    size = max(high - low + more, least) / count
    edges = [min(max(low + i * size, 0), limit) for i in range(count + 1)]
    return list(zip(edges, edges[1:], strict=False)), size


@few
def test_psroi_align(seed):
    outs, group, samples, scale = 2, 3, 2, 0.25
    x, roi = numbers(seed, (2, outs * group**2, 6, 7)), regions(seed, 2, 3, 24)
    wanted = np.zeros((3, outs, group, group))
    for k, (image, x1, y1, x2, y2) in enumerate(roi):
        rows, tall = bins(y1 * scale, (y2 + 1) * scale, group, 5, 0.1, 0)
        columns, wide = bins(x1 * scale, (x2 + 1) * scale, group, 6, 0.1, 0)
        for c in range(outs):
            for i, (top, bottom) in enumerate(rows):
                for j, (left, right) in enumerate(columns):
                    plane = x[int(image), (c * group + i) * group + j]
                    for a in range(1, samples + 1):
                        for b in range(1, samples + 1):
                            y = top + a * tall / (samples + 1)
                            z = left + b * wide / (samples + 1)
                            if y < bottom and z < right:
                                wanted[k, c, i, j] += bilinear(plane, y, z) / samples**2
    fields = "psroi_align_param { spatial_scale: 0.25 output_dim: 2 group_size: 3 }"
    net = compiled("PSROIAlign", fields, [x.shape, roi.shape])
    close(outputs(net, x, roi)[0], wanted)


@few
def test_roi_alignment(seed):
    x, roi = numbers(seed, (2, 3, 6, 7)), regions(seed, 2, 3, 24)
    wanted = np.zeros((3, 3, 3, 2))
    for k, (image, x1, y1, x2, y2) in enumerate(roi * [1, 0.25, 0.25, 0.25, 0.25]):
        rows, _ = bins(y1, y2, 3, 5, 1, 1)
        columns, _ = bins(x1, x2, 2, 6, 1, 1)
        for c in range(3):
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    wanted[k, c, i, j] = bilinear(x[int(image), c], sum(row) / 2, sum(column) / 2)
    fields = "roi_alignment_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.25 }"
    net = compiled("ROIAlignment", fields, [x.shape, roi.shape])
    close(outputs(net, x, roi)[0], wanted)


@few
def test_roi_align_half(seed):
    x, roi = numbers(seed, (2, 2, 6, 7)), regions(seed, 2, 3, 24)
    wanted = np.zeros((3, 2, 2, 3))
    for k, (image, x1, y1, x2, y2) in enumerate(roi * [1, 0.25, 0.25, 0.25, 0.25]):
        rows, _ = bins(y1, (y1 + y2) / 2, 2, 6, 1, 0)
        columns, _ = bins(x1, x2, 3, 7, 1, 0)
        for c in range(2):
            for i, (top, bottom) in enumerate(rows):
                for j, (left, right) in enumerate(columns):
                    found = [
                        bilinear(x[int(image), c], min(y, 5), min(z, 6))
                        for y in np.arange(top, bottom)
                        for z in np.arange(left, right)
                    ]
                    wanted[k, c, i, j] = max(found, default=0)
    fields = "roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.25 }"
    net = compiled("ROIAlignHalf", fields, [x.shape, roi.shape])
    close(outputs(net, x, roi)[0], wanted)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("PSROIAlign", "psroi_align_param { spatial_scale: 0.5 output_dim: 1 group_size: 2 }"),
        ("ROIAlignment", "roi_alignment_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.5 }"),
        ("ROIAlignHalf", "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.5 }"),
    ],
)
def test_gradients_of_the_map(kind, fields):
    x, roi = numbers(1, (1, 4, 3, 3)), regions(2, 1, 1, 4)
    gradients_hold(compiled(kind, fields, [x.shape, roi.shape]), x, roi)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        ("PSROIAlign", "psroi_align_param { output_dim: 2 group_size: 3 }", [], "spatial_scale"),
        ("ROIAlignment", "", [], "pooled_h must be positive"),
        ("ROIAlignHalf", "roi_pooling_param { pooled_h: 2 pooled_w: 2 }", [(3, 4)], "Nx5, not 3x4"),
    ],
)
def test_regions_that_do_not_fit(kind, fields, shapes, told):
    with pytest.raises(NetError, match=told):
        compiled(kind, fields, [(1, 18, 4, 4), *(shapes or [(3, 5)])])
