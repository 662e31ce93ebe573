"""The losses and outputs of detectors without prior boxes, in numpy, one place at a time."""

from __future__ import annotations

import math

import numpy as np

TINY = float(np.finfo(np.float32).tiny)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(0))
    return e / e.sum(0)


def boxes_of(rows):
    """Rows that are some, with whether each has landmarks."""
    return [(r, len(r) > 8 and r[8] > 0 and bool((r[9:] > 0).all())) for r in rows if r[0] != -1]


def smooth(x):
    return (0.5 * x * x, x) if abs(x) < 1 else (abs(x) - 0.5, math.copysign(1, x))


def halved(x):
    return 0.5 * x * x, x


def divisor(mode, images, count):
    return max(1, {"FULL": images, "VALID": count or images, "BATCH_SIZE": images}.get(mode, 1))


def grid_loss(x, truth, p):
    """The loss and its gradient where the loss's own is 1."""
    n, _, h, w = x.shape
    diff, label = np.zeros_like(x), np.full((n, h, w), 0.5)
    images = [boxes_of(rows) for rows in truth[:, 0]]
    if not any(images):
        return 0.0, diff
    near = lm = right = 0.0
    count = lm_count = 0
    for b, boxes in enumerate(images):
        for i, j, row, marked in owned(boxes, label[b], p):
            near += learned(x[b], diff[b], (i, j), row[3:7], 0, p)
            count += 1
            if p["has_lm"] and marked:
                lm += learned(x[b], diff[b], (i, j), row[9:], 4, p)
                lm_count += 1
    last = max(b for b, boxes in enumerate(images) if boxes)
    score = focal_sigmoid if p["class_type"] == "SIGMOID" else focal_softmax
    for b, i, j in np.ndindex(n, h, w):
        if label[b, i, j] >= 0 and (score is focal_softmax or b <= last):
            right += score(x[b, :, i, j], diff[b, :, i, j], label[b, i, j] == 1)
    by, by_lm = (divisor(p["normalization"], n, c) for c in (count, lm_count))
    value = (near + right) / by
    diff /= by
    if p["has_lm"] and any(marked for boxes in images for _, marked in boxes):
        value += 0.1 * lm / by_lm
        diff[:, 4:14] *= 0.1 * p["loss_weight"] * by / by_lm
    return value, diff


def owned(boxes, label, p):
    """The places that boxes of fitting sizes own, as they are labelled."""
    h, w = label.shape
    ratio, taken = p["net_height"] / h, np.zeros((h, w), bool)
    for row, marked in boxes:
        edges = row[3:7] * [w, h, w, h]
        left, top, right, bottom = (int(v) for v in edges)
        label[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = -10
        sides = int((edges[2] - edges[0]) * ratio), int((edges[3] - edges[1]) * ratio)
        if not p["low"] <= max(sides) < p["up"]:
            continue
        for i in range(top, min(bottom, h)):
            for j in range(left, min(right, w)):
                if not taken[i, j]:
                    label[i, j], taken[i, j] = 1, True
                    yield i, j, row, marked


def learned(x, diff, at, points, start, p):
    """The loss of distances to points, x and y in turn, whose slope is noted."""
    (i, j), (h, w) = at, x.shape[1:]
    unit = p["net_height"] / h / int(p["bias_scale"])
    unit *= 2 if p["class_type"] == "SIGMOID" else 1
    total = 0.0
    for c, point in enumerate(points):
        goal = ((j, i)[c % 2] + 0.5 - point * (w, h)[c % 2]) * unit
        loss, diff[start + c, i, j] = smooth(x[start + c, i, j] - goal)
        total += loss
    return total


def focal_sigmoid(x, diff, positive):
    q = sigmoid(x[4])
    if positive:
        log = math.log(max(q, TINY))
        diff[4] = 2 * (1 - q) ** 4 * (4 * q * log + q - 1)
        return -2 * (1 - q) ** 4 * log
    log = math.log(max(1 - q, TINY))
    diff[4] = 2 * q**4 * (q - 4 * (1 - q) * log)
    return -2 * q**4 * log


def focal_softmax(x, diff, positive):
    q = softmax(x[-2:])[int(positive)]
    log = math.log(max(q, TINY))
    slope = 0.25 * (1 - q) ** 2 * (2 * log * q - (1 - q))
    diff[-2 + int(positive)], diff[-1 - int(positive)] = slope, -slope
    return -0.25 * (1 - q) ** 2 * log


def suppressed(found, threshold):
    """Boxes of score, corners, area and more, the best first."""
    kept = []
    for one in sorted(found, key=lambda o: -o[0]):
        for other in kept:
            wide = max(min(one[3], other[3]) - max(one[1], other[1]) + 1, 0)
            tall = max(min(one[4], other[4]) - max(one[2], other[2]) + 1, 0)
            overlap = wide * tall / (one[5] + other[5] - wide * tall)
            if not overlap <= threshold:
                break
        else:
            kept.append(one)
    return kept


def clip(value, most):
    return min(max(value, 0.0), most)


def as_rows(found, images, width):
    rows = [[image, *row] for image in range(images) for row in found[image]]
    rows = rows or [[image] + [-1] * (width - 1) for image in range(images)]
    return np.array(rows)[None, None]


def grid_output(maps, p):
    """Rows of what is found."""
    found = [[] for _ in maps[0]]
    by_sigmoid = p["class_type"] == "SIGMOID"
    for x, scale in zip(maps, p["bias_scale"], strict=True):
        n, channels, h, w = x.shape
        ratio = p["net_width"] / w
        points = channels - (1 if by_sigmoid else 2)
        unit = scale / (2 * ratio if by_sigmoid else ratio)
        for b in range(n):
            for i in range(h):
                for j in range(w):
                    spot = [j, i, j, i] + [j] * (points - 4)
                    place = [(s + 0.5 - x[b, c, i, j] * unit) * ratio for c, s in enumerate(spot)]
                    place = [clip(v, ratio * (w, h)[c % 2]) for c, v in enumerate(place)]
                    wide, tall = place[2] - place[0], place[3] - place[1]
                    if wide <= 0 or tall <= 0:
                        continue
                    scores = x[b, points:, i, j]
                    score = sigmoid(scores[0]) if by_sigmoid else softmax(scores)[1]
                    if p.get("threshold") is None or score >= p["threshold"]:
                        found[b].append([score, *place[:4], wide * tall, *place[4:]])
    rows = []
    for image in found:
        best = suppressed(image, p["nms_thresh"])
        best = best[: p["keep_top_k"]] if p["keep_top_k"] > 0 else best
        parts = [p["net_width"], p["net_height"]] * 7
        kept = []
        for one in best:
            place = one[1:5] + one[6:]
            kept.append([1, one[0], *(v / side for v, side in zip(place, parts, strict=False))])
        rows.append(kept)
    return as_rows(rows, len(maps[0]), 3 + points)


def heat_of(rows, shape):
    """The heat of true boxes."""
    heat = np.zeros(shape)
    h, w = shape[2:]
    for row in rows:
        edges = row[3:7] * [w, h, w, h]
        wide, tall = edges[2] - edges[0], edges[3] - edges[1]
        if wide * tall * 16 <= 64:
            continue
        total, area = wide + tall, wide * tall
        roots = [
            (total + math.sqrt(total**2 - 4 * area * 0.3 / 1.7)) / 2,
            (2 * total + math.sqrt((2 * total) ** 2 - 4 * 4 * 0.3 * area)) / 2,
            (-1.4 * total + math.sqrt((1.4 * total) ** 2 + 4 * 2.8 * 0.3 * area)) / 2,
        ]
        reach = max(0, int(min(roots)))
        sigma = (2 * reach + 1) / 6
        x, y = int((edges[0] + edges[2]) / 2), int((edges[1] + edges[3]) / 2)
        plane = heat[int(row[0]), int(row[1]) - 1]
        for i in range(h):
            for j in range(w):
                if abs(i - y) <= reach and abs(j - x) <= reach:
                    bump = math.exp(-((i - y) ** 2 + (j - x) ** 2) / (2 * sigma**2))
                    plane[i, j] = max(plane[i, j], bump)
    return heat


def focal(x, heat):
    """CenterNet's focal loss, its gradient, and how many places are right."""
    p = sigmoid(x)
    right = heat == 1
    with np.errstate(divide="ignore"):
        sure, unsure = np.log(np.maximum(p, TINY)), np.log(np.maximum(1 - p, TINY))
    loss = np.where(right, -sure * (1 - p) ** 2, -unsure * p**2 * (1 - heat) ** 4)
    wrong = (1 - heat) ** 4 * p**2 * (p - 2 * (1 - p) * unsure)
    diff = np.where(right, (1 - p) ** 2 * (2 * p * sure - (1 - p)), wrong)
    return loss.sum(), diff, right.sum()


def object_loss(x, scores, truth, p):
    """The loss, and its gradients by boxes and scores where its own is 1."""
    n, _, h, w = x.shape
    rows = boxes_of(truth[0, 0])
    near = lm = right = 0.0
    diff, score_diff = np.zeros_like(x), np.zeros_like(scores)
    shape, mark = (halved if p[k] == "L2" else smooth for k in ("loc", "lm"))
    alone = p.get("alone", False)
    small = 1 if alone else 0.1
    for row, marked in rows:
        edges = row[3:7] * [w, h, w, h]
        wide, tall = edges[2] - edges[0], edges[3] - edges[1]
        if not alone and wide * tall * 16 <= 64:
            continue
        middle = (edges[0] + edges[2]) / 2, (edges[1] + edges[3]) / 2
        j, i = int(middle[0]), int(middle[1])
        goals = middle[0] - j, middle[1] - i, math.log(wide), math.log(tall)
        b = int(row[0])
        for c, goal in enumerate(goals):
            loss, slope = shape(x[b, c, i, j] - goal)
            weight = 1 if c < 2 else small
            near += weight * loss
            diff[b, c, i, j] = weight * slope
        if p["has_lm"] and marked:
            for c in range(10):
                goal = (row[9 + c] * (w, h)[c % 2] - (j, i)[c % 2]) / (wide, tall)[c % 2]
                loss, slope = mark(x[b, 4 + c, i, j] - goal)
                lm += small * loss
                diff[b, 4 + c, i, j] = small * slope
    by = divisor(p["normalization"], n, len(rows))
    by_lm = divisor(p["normalization"], n, sum(marked for _, marked in rows))
    if rows:
        right, score_diff, _ = focal(scores, heat_of([row for row, _ in rows], scores.shape))
    diff *= p["loc_weight"]
    diff[:, :4] /= by
    diff[:, 4:] /= by_lm
    return (near + right) / by + lm / by_lm, diff, score_diff / by


def centernet_output(x, scores, p):
    """Rows of what is found."""
    n, channels, h, w = x.shape
    rows = []
    for b in range(n):
        found = []
        for c in range(scores.shape[1]):
            for i in range(h):
                for j in range(w):
                    score = scores[b, c, i, j]
                    if not p.get("threshold", -np.inf) < score < 1:
                        continue
                    given = x[b, :, i, j]
                    middle = (j + given[0]) * 4, (i + given[1]) * 4
                    sides = math.exp(given[2]) * 4, math.exp(given[3]) * 4
                    most = 4 * w, 4 * h
                    low = [clip(middle[k] - sides[k] / 2, most[k]) for k in (0, 1)]
                    high = [clip(middle[k] + sides[k] / 2, most[k]) for k in (0, 1)]
                    marks = []
                    for k in range(channels - 4):
                        a = k % 2
                        spot = (middle[a] + given[4 + k] * (high[a] - low[a])) * 4
                        marks.append(clip(spot, most[a]))
                    area = sides[0] * sides[1]
                    found.append([score, *low, *high, area, c, *marks])
        best = suppressed(found, p["nms_thresh"])
        best = best[: p["keep_top_k"]] if p["keep_top_k"] > 0 else best
        parts = [4 * w, 4 * h] * 2
        rows.append(
            [
                [o[6] + 1, o[0], *(v / s for v, s in zip(o[1:5], parts, strict=True)), *o[7:]]
                for o in best
            ]
        )
    return as_rows(rows, n, 3 + channels)


def overlap(a, b):
    """Of boxes by corners."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    shared = wide * tall if wide >= 0 and tall >= 0 else 0
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def around(x, y, wide, tall):
    return x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2


def yolo_loss(x, truth, anchors, mask, p):
    """The loss, and its gradient where its own is 1."""
    n, _, h, w = x.shape
    classes, size = p["num_class"], p["net"]
    shown = sigmoid(x.reshape(n, len(mask), 5 + classes, h, w))
    shown[:, :, 2:4] = x.reshape(shown.shape)[:, :, 2:4]
    diff, count = np.zeros_like(shown), 0
    images = [boxes_of(rows) for rows in truth[:, 0]]
    if not any(images):
        return 0.0, np.zeros_like(x)
    for b, boxes in enumerate(images):
        for i, j, m in np.ndindex(h, w, len(mask)):
            g = shown[b, m, :, i, j]
            sides = [math.exp(g[2 + k]) * anchors[mask[m]][k] / size for k in (0, 1)]
            box = around((g[0] + j) / w, (g[1] + i) / h, *sides)
            best = max([0, *(overlap(box, row[3:7]) for row, _ in boxes)])
            diff[b, m, 4, i, j] = 0 if best > p["thresh"] else g[4]
        for row, _ in boxes:
            wide, tall = row[5] - row[3], row[6] - row[4]
            best, most = 0, 0
            for m, anchor in enumerate(anchors):
                own = overlap(around(0, 0, wide, tall), around(0, 0, *(v / size for v in anchor)))
                if own > most:
                    best, most = m, own
            if best not in mask:
                continue
            m = mask.index(best)
            middle = (row[3] + row[5]) / 2 * w, (row[4] + row[6]) / 2 * h
            j, i = int(middle[0]), int(middle[1])
            goals = [middle[0] - j, middle[1] - i]
            goals += [math.log(v * size / a) for v, a in zip((wide, tall), anchors[best], strict=1)]
            g, d = shown[b, m, :, i, j], diff[b, m, :, i, j]
            for c, goal in enumerate(goals):
                d[c] = (2 - wide * tall) * (g[c] - goal)
            d[4] = g[4] - 1
            label = int(row[1]) - 1
            if d[5]:
                d[5 + label] = 1 - g[5 + label]
            else:
                d[5:] = g[5:] - (np.arange(classes) == label)
            count += 1
    by = count or n
    slope = shown * (1 - shown)
    slope[:, :, 2:4] = 1
    return (diff**2).sum() / by, (diff * slope).reshape(x.shape) / by
