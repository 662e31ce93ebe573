"""YOLOv3's loss in plain numpy, box by box as the C++ reads; nothing here knows protonet."""

from __future__ import annotations

import math

import numpy as np


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def edges(box):
    x, y, w, h = box
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def overlap(a, b, kind):
    (l1, t1, r1, b1), (l2, t2, r2, b2) = edges(a), edges(b)
    wide, high = min(r1, r2) - max(l1, l2), min(b1, b2) - max(t1, t2)
    both = wide * high if wide >= 0 and high >= 0 else 0.0
    union = a[2] * a[3] + b[2] * b[3] - both
    iou = both / union
    wide, high = max(r1, r2) - min(l1, l2), max(b1, b2) - min(t1, t2)
    apart = ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) / (wide**2 + high**2)
    if kind == "giou":
        return iou - (wide * high - union) / (wide * high)
    if kind == "diou":
        return iou - apart**0.6
    if kind == "ciou":
        off = 4 / math.pi**2 * (math.atan(b[2] / b[3]) - math.atan(a[2] / a[3])) ** 2
        return iou - apart - off**2 / (1 - iou + off + 1e-6)
    return iou


def slope(a, b, kind):
    """The fork's way to a greater overlap, edge by edge: left, top, right, bottom."""
    (l1, t1, r1, b1), (l2, t2, r2, b2) = edges(a), edges(b)
    wide, high = min(r1, r2) - max(l1, l2), min(b1, b2) - max(t1, t2)
    both = wide * high
    union = a[2] * a[3] + b[2] * b[3] - both
    area = [-a[3], -a[2], a[3], a[2]]
    inside = [
        -high if l1 > l2 else 0,
        -wide if t1 > t2 else 0,
        high if r1 < r2 else 0,
        wide if b1 < b2 else 0,
    ]
    of_union = [x - y for x, y in zip(area, inside, strict=True)]
    steps = [
        (union * y - both * u) / union**2 if union > 0 else 0
        for y, u in zip(inside, of_union, strict=True)
    ]
    apart = wide <= 0 or high <= 0
    wide, high = max(r1, r2) - min(l1, l2), max(b1, b2) - min(t1, t2)
    if kind == "giou":
        hull = wide * high
        of_hull = [
            -high if l1 < l2 else 0,
            -wide if t1 < t2 else 0,
            high if r1 > r2 else 0,
            wide if b1 > b2 else 0,
        ]
        more = [(hull * u - union * c) / hull**2 for u, c in zip(of_union, of_hull, strict=True)]
        steps = more if apart else [s + m for s, m in zip(steps, more, strict=True)]
    left, top, right, bottom = steps
    step = np.array([left + right, top + bottom, right - left, bottom - top])
    if kind not in ("diou", "ciou"):
        return step
    square, far = wide**2 + high**2, (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
    outer = [float(l1 < l2), float(t1 < t2), float(r1 > r2), float(b1 > b2)]
    more = np.array(
        [
            (2 * (b[0] - a[0]) * square - 2 * wide * (outer[2] - outer[0]) * far) / square**2,
            (2 * (b[1] - a[1]) * square - 2 * high * (outer[3] - outer[1]) * far) / square**2,
            2 * wide * (outer[2] / 2 + outer[0] / 2) * far / square**2,
            2 * high * (outer[3] / 2 + outer[1] / 2) * far / square**2,
        ]
    )
    if kind == "ciou":
        turn = math.atan(b[2] / b[3]) - math.atan(a[2] / a[3])
        off = 4 / math.pi**2 * turn**2
        weight = off / (1 - both / union + off + 1e-6)
        more[2:] += weight * 8 / math.pi**2 * turn * np.array([a[3], -a[2]])
    return more if apart else step + more


def loss(x, truth, anchors, mask, p):
    """The value, and the gradient of the map; ``p`` holds the fields by the fork's names."""
    images, channels, high, wide = x.shape
    x = x.reshape(images, len(mask), -1, high, wide)
    shown = sigmoid(x)
    shown[:, :, 2:4] = x[:, :, 2:4]
    diff, lacks, count = np.zeros_like(x), 0.0, 0
    kind = p["iou_loss"] if p["iou_loss"] in ("giou", "diou", "ciou") else "iou"
    sizes = [(w / (wide * p["scale"]), h / (high * p["scale"])) for w, h in anchors]

    def box(b, a, i, j):
        v = shown[b, a, :, i, j]
        w, h = sizes[mask[a]]
        return (j + v[0]) / wide, (i + v[1]) / high, np.exp(v[2]) * w, np.exp(v[3]) * h

    for b in range(images):
        for a, i, j in np.ndindex(len(mask), high, wide):
            seen = truth[b][: int(np.argmin(truth[b, :, 1] != 0))]
            best = max((overlap(box(b, a, i, j), t[1:], kind) for t in seen), default=0)
            diff[b, a, 4, i, j] = 0 if best > p["thresh"] else shown[b, a, 4, i, j]
        for t in truth[b]:
            if not t[3]:
                break
            j, i = int(t[1] * wide), int(t[2] * high)
            for a in places(t, sizes, mask, kind, p["iou_thresh"]):
                d, v = diff[b, a, :, i, j], shown[b, a, :, i, j]
                lacks += box_errors(d, v, box(b, a, i, j), t, sizes[mask[a]], (wide, high), p)
                count += 1
                d[4] = (v[4] - 1) * (p["object_scale"] if p["use_logic_gradient"] else 1)
                class_errors(d[5:], v[5:], int(t[0]), p)
    value = (diff**2).sum()
    if p["iou_loss"] != "mse":
        value = (diff[:, :, 4:] ** 2).sum()
        value += p["iou_normalizer"] * lacks / count if count else 0
        shown[:, :, :4] = x[:, :, :4]
    if p["use_logic_gradient"]:
        curve = shown * (1 - shown)
        curve[:, :, 2:4] = 1
        diff = diff * curve
    return value / images, diff.reshape(images, channels, high, wide) / images


def places(t, sizes, mask, kind, iou_thresh):
    """The places in the mask of the anchors that a true box goes to, in order."""
    fits = [overlap((0, 0, *size), (0, 0, *t[3:]), kind) for size in sizes]
    best = int(np.argmax(fits)) if max(fits) > 0 else -1
    found = []
    if best in mask:
        best = mask.index(best)
        found.append(best)
    for n, fit in enumerate(fits):
        if n in mask and n != best and iou_thresh < 1 and fit > iou_thresh:
            found.append(mask.index(n))
    return found


def box_errors(d, v, near, t, size, side, p):
    if p["iou_loss"] == "mse":
        scale = p["coord_scale"] * (2 - t[3] * t[4])
        for axis in (0, 1):
            place = t[1 + axis] * side[axis]
            d[axis] = -scale * (place - int(place) - v[axis])
            d[2 + axis] = -scale * (np.log(t[3 + axis] / size[axis]) - v[2 + axis])
        return 0.0
    step = slope(near, t[1:], p["iou_loss"])
    step[2:] *= np.exp(v[2:4])
    step = np.clip(step * p["iou_normalizer"], -p["max_delta"], p["max_delta"])
    if not p["accumulate"]:
        d[:4] = 0
    d[:4] -= step
    told = p["iou_loss"] if p["iou_loss"] in ("giou", "ciou") else "diou"
    return 1 - overlap(near, t[1:], told)


def class_errors(d, v, label, p):
    smooth = p["label_smooth_eps"]
    hit = 1 - smooth + smooth / 2
    if d[label] != 0:
        d[label] = -p["class_scale"] * (hit - v[label])
        return
    if p["use_focal_loss"]:
        pt = v[label] + 1e-15
        factor = -0.5 * (1 - pt) * (2 * pt * np.log(pt) + pt - 1)
        for c in range(len(v)):
            d[c] = -p["class_scale"] * ((c == label) - v[c]) * factor
        return
    for c in range(len(v)):
        d[c] = -p["class_scale"] * ((hit if c == label else smooth / 2) - v[c])
