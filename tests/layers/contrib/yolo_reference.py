"""YOLO's layers in plain numpy, cell by cell as the C++ reads; nothing here knows protonet."""

from __future__ import annotations

import boxes_reference as boxes
import numpy as np


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def softmax(v):
    e = np.exp(v - v.max())
    return e / e.sum()


def corners(x, y, w, h):
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def reorg(x, stride, reverse):
    """The loop of darknet's reorg_cpu over flat memory."""
    n, c, h, w = x.shape
    smaller = c // stride**2
    flat, y = x.reshape(n, -1), np.empty((n, c * h * w))
    for k, j, i in np.ndindex(c, h, w):
        inner = i + w * (j + h * k)
        offset = k // smaller
        across, down = i * stride + offset % stride, j * stride + offset // stride
        outer = across + w * stride * (down + h * stride * (k % smaller))
        if reverse:
            y[:, outer] = flat[:, inner]
        else:
            y[:, inner] = flat[:, outer]
    if reverse:
        return y.reshape(n, smaller, h * stride, w * stride)
    return y.reshape(n, c * stride**2, h // stride, w // stride)


def unpool(x, mask, size):
    y = np.zeros((*x.shape[:2], size[0] * size[1]))
    for n, c, i, j in np.ndindex(*x.shape):
        y[n, c, int(mask[n, c, i, j])] = x[n, c, i, j]
    return y.reshape(*x.shape[:2], *size)


def box_of(x, anchor, at, side, unit):
    """A predicted box: x are its 4 numbers, unit is what the anchor is measured in."""
    (i, j), (high, wide) = at, side
    return (
        (j + sigmoid(x[0])) / wide,
        (i + sigmoid(x[1])) / high,
        np.exp(x[2]) * anchor[0] / (wide * unit),
        np.exp(x[3]) * anchor[1] / (high * unit),
    )


def detections(maps, classes, anchors, units, p):
    """``p`` holds all_classes (YOLOv3), threshold and nms."""
    found = []
    for x, pairs, unit in zip(maps, anchors, units, strict=True):
        n, _, high, wide = x.shape
        cells = x.reshape(n, len(pairs), 5 + classes, high, wide)
        for b, i, j, a in np.ndindex(n, high, wide, len(pairs)):
            v = cells[b, a, :, i, j]
            box = corners(*box_of(v, pairs[a], (i, j), (high, wide), unit))
            if p["all_classes"]:
                scores = sigmoid(v[4]) * sigmoid(v[5:])
                labels = [c for c in range(classes) if scores[c] > p["threshold"]]
            else:
                scores = sigmoid(v[4]) * softmax(v[5:])
                best = int(scores.argmax())
                labels = [best] if scores[best] >= p["threshold"] else []
            found += [[0, c + 1, scores[c], *box] for c in labels]
    found = [found[i] for i in boxes.descending([row[2] for row in found])]
    kept = []
    for row in found:
        if all(boxes.iou(row[3:], other[3:]) < p["nms"] for other in kept):
            kept.append(row)
    if not kept:
        kept = [[i, *[-1] * 6] for i in range(len(maps[0]))]
    return np.array(kept, float)[None, None]


def region_errors(x, truth, anchors, p, burns):
    """What RegionLoss leaves in its diff."""
    n, channels, side, _ = x.shape
    x = x.reshape(n, len(anchors), -1, side, side)
    diff = np.zeros_like(x)
    for b in range(n):
        for i, j, a in np.ndindex(side, side, len(anchors)):
            v, d = x[b, a, :, i, j], diff[b, a, :, i, j]
            box = corners(*box_of(v, anchors[a], (i, j), (side, side), 1))
            best = 0.0
            for t in truth[b]:
                if not t[1]:
                    break
                best = max(best, boxes.iou(box, corners(*t[1:])))
            shown = sigmoid(v[4])
            d[4] = p["empty"] * shown * shown * (1 - shown) if best <= p["threshold"] else 0
            if burns:
                anchor = [(j + 0.5) / side, (i + 0.5) / side, *(np.array(anchors[a]) / side)]
                d[:4] = box_errors(v, anchor, anchors[a], (i, j), side, 0.01)
        for t in truth[b]:
            if not t[3]:
                break
            place_truth(x[b], diff[b], t, anchors, side, p)
    return diff.reshape(n, channels, side, side)


def place_truth(x, diff, t, anchors, side, p):
    j, i = int(t[1] * side), int(t[2] * side)
    overlaps = []
    for a, anchor in enumerate(anchors):
        w, h = np.array(anchor) / side
        if not p["match"]:
            _, _, w, h = box_of(x[a, :, i, j], anchor, (i, j), (side, side), 1)
        overlaps.append(boxes.iou(corners(0, 0, w, h), corners(0, 0, t[3], t[4])))
    a = int(np.argmax(overlaps))
    v, d = x[a, :, i, j], diff[a, :, i, j]
    plain = p["rescore"] or p.get("older")
    scale = p["box"] if plain else p["box"] * (2 - t[3] * t[4])
    d[:4] = box_errors(v, t[1:], anchors[a], (i, j), side, scale, p.get("limited"))
    box = corners(*box_of(v, anchors[a], (i, j), (side, side), 1))
    goal = boxes.iou(box, corners(*t[1:])) if p["rescore"] and not p.get("older") else 1
    shown = sigmoid(v[4])
    lacks = 2 * (1 - shown) ** 3 if p.get("limited") else goal - shown
    d[4] = -p["object"] * lacks * shown * (1 - shown)
    d[5:] = -p["class"] * ((np.arange(len(v) - 5) == int(t[0])) - softmax(v[5:]))


def box_errors(v, box, anchor, at, side, scale, limited=False):
    px, py = sigmoid(v[0]), sigmoid(v[1])
    off = np.array(
        [
            box[0] * side - at[1] - px,
            box[1] * side - at[0] - py,
            np.log(box[2] * side / anchor[0]) - v[2],
            np.log(box[3] * side / anchor[1]) - v[3],
        ]
    )
    if limited:
        off = np.clip(off, -1, 1)
    return -scale * off * np.array([px * (1 - px), py * (1 - py), 1, 1])
