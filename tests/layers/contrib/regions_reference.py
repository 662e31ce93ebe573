"""R-CNN's layers in plain numpy, box by box as they read; nothing here knows protonet."""

from __future__ import annotations

import math

import boxes_reference as boxes
import numpy as np


def half_away(value):
    return math.copysign(math.floor(abs(value) + 0.5), value)


def roi_pooling(x, regions, size, scale, pad_ratio=0.0):
    """The maxima, and for a gradient of ones what reaches each element of x."""
    y = np.zeros((len(regions), x.shape[1], *size))
    gradient = np.zeros_like(x)
    for k, (image, x1, y1, x2, y2) in enumerate(regions):
        pads = (x2 - x1 + 1) * pad_ratio, (y2 - y1 + 1) * pad_ratio
        left, top = half_away((x1 - pads[0]) * scale), half_away((y1 - pads[1]) * scale)
        right, bottom = half_away((x2 + pads[0]) * scale), half_away((y2 + pads[1]) * scale)
        down, across = max(bottom - top + 1, 1) / size[0], max(right - left + 1, 1) / size[1]
        for i, j in np.ndindex(*size):
            rows = edges(i, down, top, x.shape[2])
            columns = edges(j, across, left, x.shape[3])
            for c in range(x.shape[1]) if rows and columns else ():
                places = [(r, s) for r in rows for s in columns]
                best = max(places, key=lambda at: x[(int(image), c, *at)])
                y[k, c, i, j] = x[(int(image), c, *best)]
                gradient[(int(image), c, *best)] += 1
    return y, gradient


def edges(index, step, start, limit):
    low = min(max(math.floor(index * step) + int(start), 0), limit)
    high = min(max(math.ceil((index + 1) * step) + int(start), 0), limit)
    return range(low, high)


def psroi_pooling(x, regions, outputs, group, scale):
    y = np.zeros((len(regions), outputs, group, group))
    for k, (image, *corners) in enumerate(regions):
        left, top = (half_away(v) * scale for v in corners[:2])
        right, bottom = ((half_away(v) + 1) * scale for v in corners[2:])
        down, across = max(bottom - top, 0.1) / group, max(right - left, 0.1) / group
        for c, i, j in np.ndindex(outputs, group, group):
            rows = [math.floor(i * down + top), math.ceil((i + 1) * down + top)]
            columns = [math.floor(j * across + left), math.ceil((j + 1) * across + left)]
            rows = np.clip(rows, 0, x.shape[2])
            columns = np.clip(columns, 0, x.shape[3])
            bin_ = x[int(image), (c * group + i) * group + j, slice(*rows), slice(*columns)]
            y[k, c, i, j] = bin_.mean() if bin_.size else 0
    return y


def bilinear(plane, row, column):
    row = min(max(row, 0), plane.shape[0] - 1)
    column = min(max(column, 0), plane.shape[1] - 1)
    top, left = math.floor(row), math.floor(column)
    bottom, right = min(top + 1, plane.shape[0] - 1), min(left + 1, plane.shape[1] - 1)
    down, across = row - top, column - left
    upper = plane[top, left] * (1 - across) + plane[top, right] * across
    lower = plane[bottom, left] * (1 - across) + plane[bottom, right] * across
    return upper * (1 - down) + lower * down


def roi_corners(x, regions, size, scale, pad_ratio):
    y = np.zeros((len(regions), x.shape[1], size[0] + 1, size[1] + 1))
    for k, (image, x1, y1, x2, y2) in enumerate(regions):
        wide, high = (x2 - x1 + 1) * pad_ratio, (y2 - y1 + 1) * pad_ratio
        left, top = (x1 - wide) * scale - 0.5, (y1 - high) * scale - 0.5
        right, bottom = (x2 + wide) * scale - 0.5, (y2 + high) * scale - 0.5
        for c, i, j in np.ndindex(*y.shape[1:]):
            row, column = top + i * (bottom - top) / size[0], left + j * (right - left) / size[1]
            inside = -0.5 <= row <= x.shape[2] - 0.5 and -0.5 <= column <= x.shape[3] - 0.5
            if inside and bottom > top and right > left:
                y[k, c, i, j] = bilinear(x[int(image), c], row, column)
    return y


def roi_align(x, regions, size, scale, samples):
    y = np.zeros((len(regions), x.shape[1], *size))
    for k, (image, x1, y1, x2, y2) in enumerate(regions):
        down = max((y2 - y1) * scale, 1) / size[0]
        across = max((x2 - x1) * scale, 1) / size[1]
        taps = (samples, samples) if samples > 0 else (math.ceil(down), math.ceil(across))
        for c, i, j in np.ndindex(*y.shape[1:]):
            total = 0.0
            for a, b in np.ndindex(*taps):
                row = y1 * scale + i * down + (a + 0.5) * down / taps[0]
                column = x1 * scale + j * across + (b + 0.5) * across / taps[1]
                if -1 <= row <= x.shape[2] and -1 <= column <= x.shape[3]:
                    total += bilinear(x[int(image), c], row, column)
            y[k, c, i, j] = total / (taps[0] * taps[1])
    return y


def smooth_l1(x, y, inside, outside, sigma):
    off = np.abs(inside * (x - y))
    each = np.where(off < 1 / sigma**2, off**2 * sigma**2 / 2, off - 0.5 / sigma**2)
    return float((outside * each).sum() / len(x))


def moved(box, delta):
    wide, high = box[2] - box[0] + 1, box[3] - box[1] + 1
    x, y = box[0] + wide / 2 + delta[0] * wide, box[1] + high / 2 + delta[1] * high
    wide, high = wide * math.exp(delta[2]), high * math.exp(delta[3])
    return [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]


def deltas(box, target):
    wide, high = box[2] - box[0] + 1, box[3] - box[1] + 1
    wider, higher = target[2] - target[0] + 1, target[3] - target[1] + 1
    across = (target[0] + wider / 2 - box[0] - wide / 2) / wide
    down = (target[1] + higher / 2 - box[1] - high / 2) / high
    return [across, down, math.log(wider / wide), math.log(higher / high)]


# What py-faster-rcnn's generate_anchors gives in its own comment; that is Matlab's, one more.
NINE = (
    np.array(
        [
            [-83, -39, 100, 56],
            [-175, -87, 192, 104],
            [-359, -183, 376, 200],
            [-55, -55, 72, 72],
            [-119, -119, 136, 136],
            [-247, -247, 264, 264],
            [-35, -79, 52, 96],
            [-79, -167, 96, 184],
            [-167, -343, 184, 360],
        ]
    )
    - 1.0
)


def all_anchors(anchors, height, width, stride):
    return [
        [a + s for a, s in zip(anchor, (j * stride, i * stride) * 2, strict=True)]
        for i in range(height)
        for j in range(width)
        for anchor in anchors
    ]


def proposals(scores, given, sizes, anchors, p):
    """``p`` holds stride, before, most, overlap, least, and removes for too small ones."""
    regions, found = [], []
    for n in range(len(scores)):
        count = len(anchors)
        score = scores[n, count:].transpose(1, 2, 0).reshape(-1)
        delta = given[n].transpose(1, 2, 0).reshape(-1, 4)
        high, wide, *scale = sizes[n]
        placed = []
        for anchor, d, s in zip(
            all_anchors(anchors, *scores.shape[2:], p["stride"]), delta, score, strict=True
        ):
            box = moved(anchor, d)
            box = [max(min(v, m - 1), 0) for v, m in zip(box, (wide, high) * 2, strict=True)]
            least = p["least"] * scale[-1], p["least"] * scale[0]
            large = box[2] - box[0] + 1 >= least[0] and box[3] - box[1] + 1 >= least[1]
            if large or not p["removes"]:
                placed.append((s if large else 0.0, box))
        placed = [placed[i] for i in boxes.descending([s for s, _ in placed])][: p["before"]]
        kept = boxes.nms([b for _, b in placed], p["overlap"], pixel=1.0, most=p["most"])
        regions += [[n, *placed[k][1]] for k in kept]
        found += [placed[k][0] for k in kept]
    return np.array(regions).reshape(-1, 5), np.array(found)


def anchor_targets(truth, size, anchors, height, width, stride):
    """Labels before any is left out, and targets, by anchor."""
    placed = all_anchors(anchors, height, width, stride)
    inside = [b[0] >= 0 and b[1] >= 0 and b[2] < size[1] and b[3] < size[0] for b in placed]
    overlap = np.array([[boxes.iou(b, t, 1.0) for t in truth] for b in placed])
    best = np.where(np.array(inside)[:, None], overlap, -1).max(0)
    labels, targets = np.full(len(placed), -1.0), np.zeros((len(placed), 4))
    for i, box in enumerate(placed):
        if not inside[i]:
            continue
        if overlap[i].max() < 0.3:
            labels[i] = 0
        if overlap[i].max() >= 0.7 or any(overlap[i] == best):
            labels[i] = 1
        targets[i] = deltas(box, truth[int(overlap[i].argmax())][:4])
    return labels, targets


def ohem(regions, losses, labels, weights, most, ignore):
    left = {}
    kept, given = np.full_like(labels, ignore), np.zeros_like(weights)
    for k in boxes.descending(losses.reshape(-1)):
        image = regions[k, 0]
        left[image] = left.get(image, most) - 1
        if left[image] >= 0:
            kept[k], given[k] = labels[k], weights[k]
    return kept, given
