"""MS-CNN's layers in plain numpy, place by place as they read; nothing here knows protonet."""

from __future__ import annotations

import math

import numpy as np


def overlap(a, b, over="IOU", pixels=False):
    """Boxes of x, y, width, height; with ``pixels`` they share a whole one or nothing."""
    if min(*a[2:], *b[2:]) <= 0:
        return 0.0
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    least = 1 - 1e-12 if pixels else 1e-12
    shared = 0.0 if across < least or down < least else across * down
    first, second = a[2] * a[3], b[2] * b[3]
    whole = {"IOU": first + second - shared, "IOFU": first, "IOMU": min(first, second)}
    return shared / whole[over]


def decoded(codes, place, field, stride, spread, reach):
    """x, y, width and height in pixels of four codes at a place (row, column)."""
    xyr, whr = reach
    dx, dy, dw, dh = (c * s + m for c, m, s in zip(codes, *spread, strict=True))
    dx, dy = (min(max(v, -1 / xyr), 1 / xyr) for v in (dx, dy))
    dw, dh = (min(max(v, -math.log(whr)), math.log(whr)) for v in (dw, dh))
    wide, high = field[0] * math.exp(dw), field[1] * math.exp(dh)
    x = dx * field[0] + (place[1] + 0.5) * stride - wide / 2
    return [x, dy * field[1] + (place[0] + 0.5) * stride - high / 2, wide, high]


def suppressed(rows, threshold, over="IOU", corners=False):
    kept = []
    for row in rows:
        box = row[:4]
        if all(overlap(k[:4], box, over, corners) <= threshold for k in kept):
            kept.append(row)
    return kept


def box_output(maps, fields, strides, spread, reach, score, threshold, over, least, before, most):
    found = []
    for image in range(len(maps[0])):
        rows = []
        for x, field, stride in zip(maps, fields, strides, strict=True):
            for place in np.ndindex(*x.shape[2:]):
                values = x[(image, slice(None), *place)]
                shown = values[1:-4].max() - values[0]
                if shown < score:
                    continue
                box = decoded(values[-4:], place, field, stride, spread, reach)
                box[:2] = max(box[0], 0), max(box[1], 0)
                box[2] = min(box[2], x.shape[3] * stride - box[0])
                box[3] = min(box[3], x.shape[2] * stride - box[1])
                if min(box[2:]) >= least:
                    rows.append([*box, shown])
        rows.sort(key=lambda row: -row[4])
        rows = suppressed(rows[: before or None], threshold, over)[: most or None]
        found += [[image, x, y, x + w, y + h, s] for x, y, w, h, s in rows]
    return np.array(found).reshape(-1, 6)


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def hardest(x, truth, background, multiple):
    """The places of background that bootstrap keeps."""
    kept = set()
    classes = x.shape[1] - 4
    for image in range(len(x)):
        labels = truth[image, 0].astype(int).flatten()
        free = [
            j for j, o in enumerate(truth[image, 5].flatten()) if not labels[j] and o < background
        ]
        for k in range(1, classes):
            number = max(4, int((labels == k).sum() * multiple))
            scores = x[image, k].flatten()
            kept |= {(image, j) for j in sorted(free, key=lambda j: -scores[j])[:number]}
    return kept


def detection_loss(x, truth, kept, field, stride, spread, reach, options):
    """The loss and the boxes' part; ``kept`` are (image, place) of background that counts."""
    classes, width = x.shape[1] - 4, x.shape[3]
    rows = x.reshape(*x.shape[:2], -1)
    facts = truth.reshape(*truth.shape[:2], -1)
    weights = np.ones((len(x), rows.shape[2]))
    objects = facts[:, 0] != 0
    if options.get("iou_weighted"):
        weights[objects] = facts[:, 5][objects]
    if options.get("pos_neg_weighted"):
        share, multiple = 1 / (1 + options["multiple"]), len(kept) + objects.sum()
        ours = weights[objects].sum()
        others = sum(weights[at] for at in kept)
        if ours:
            weights[objects] *= share * multiple / ours
            for at in kept:
                weights[at] *= (1 - share) * multiple / others
    total = number = error = boxes = 0
    (xyr, whr), mean, std = reach, *spread
    limits = [1 / xyr] * 2 + [math.log(whr)] * 2
    middle = [(mean[0] + mean[1]) / 2] * 2 + [(mean[2] + mean[3]) / 2] * 2
    scale = [math.sqrt(std[0] * std[1])] * 2 + [math.sqrt(std[2] * std[3])] * 2
    for image, j in np.ndindex(*weights.shape):
        label = int(facts[image, 0, j])
        if label or (image, j) in kept:
            chance = softmax(rows[image, :classes, j])[label]
            total -= math.log(chance) * weights[image, j]
            number += 1
        if not label:
            continue
        boxes += 1
        px, py = (j % width + 0.5) * stride, (j // width + 0.5) * stride
        gx, gy, gw, gh = facts[image, 1:5, j]
        wanted = [(gx - px) / field[0], (gy - py) / field[1]]
        wanted += [math.log(max(gw, 2) / field[0]), math.log(max(gh, 2) / field[1])]
        for k in range(4):
            low, high = (-limits[k] - middle[k]) / scale[k], (limits[k] - middle[k]) / scale[k]
            gap = min(max(rows[image, classes + k, j], low), high) - (wanted[k] - mean[k]) / std[k]
            square = gap * gap / 2
            smooth = options.get("bb_smooth", True)
            error += abs(gap) - 0.5 if smooth and abs(gap) >= 1 else square
    error = options.get("lambda", 1) * error / max(4 * boxes, 1)
    return total / max(number, 1) + error, error


def detection_accuracy(x, truth, field, stride, spread, reach, top_k, background):
    classes = x.shape[1] - 4
    right, overlaps = {True: [], False: []}, []
    for image, *place in np.ndindex(len(x), *x.shape[2:]):
        values, facts = x[(image, slice(None), *place)], truth[(image, slice(None), *place)]
        label = int(facts[0])
        if not label and facts[5] >= background:
            continue
        order = sorted(range(classes), key=lambda k: (-values[k], -k))
        right[bool(label)].append(label in order[:top_k])
        if label:
            box = decoded(values[-4:], place, field, stride, spread, reach)
            x1, y1, w, h = facts[1:5]
            overlaps.append(overlap(box, [x1 - w / 2, y1 - h / 2, w, h]))
    shares = [np.mean(v) if v else -1 for v in (right[True] + right[False], right[True], overlaps)]
    return shares[:2], shares[2]


def moved(region, codes, spread):
    """The corners of a region moved by its codes; corners are a part of it."""
    x1, y1, x2, y2 = region
    dx, dy, dw, dh = (c * s + m for c, m, s in zip(codes, *spread, strict=True))
    wide, high = x2 - x1 + 1, y2 - y1 + 1
    x, y = dx * wide + (x1 + x2) / 2, dy * high + (y1 + y2) / 2
    wide, high = wide * math.exp(dw), high * math.exp(dh)
    x, y = x - (wide - 1) / 2, y - (high - 1) / 2
    return [x, y, x + wide - 1, y + high - 1]


def sides(box):
    return [box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1]


def bbox_accuracy(codes, regions, matched, spread, by_class=True):
    after, before = [], []
    for code, region, match in zip(codes, regions, matched, strict=True):
        label = int(match[0])
        if label <= 0 or match[5] > 0.975:
            continue
        at = 4 * (label if by_class else min(label, 1))
        box = moved(region[1:], code[at : at + 4], spread)
        after.append(overlap(sides(box), sides(match[1:5])))
        before.append(overlap(sides(region[1:]), sides(match[1:5])))
    return (np.mean(after), np.mean(before)) if after else (-1, -1)


def proposal_target(regions, truth, classes, spread, thresholds, options):
    """What each region taken is, where nothing is drawn: all objects, then background in order."""
    from_, low, high = thresholds
    rows = [*regions, *(truth[:, :5] if options.get("append", True) else [])]
    objects, others, rest = [], [], []
    for row in rows:
        best, own = 0, None
        for real in truth:
            if real[0] == row[0]:
                shared = overlap(sides(row[1:]), sides(real[1:5]), pixels=truth.shape[1] == 8)
                if own is None or shared > best:
                    best, own = shared, real
        if best >= from_:
            objects += [] if own[6] else [(row, best, own)]
        else:
            (others if low <= best < high else rest).append((row, best, own))
    taken = [(*each, True) for each in objects] + [(*each, False) for each in others]
    lacking = options.get("sample", -1) - len(taken)
    taken += [(*each, False) for each in rest[: max(lacking, 0)]]
    tops = [[], [], [], [], []]
    for row, best, own, is_object in taken:
        label = int(own[5]) if is_object else 0
        target, weight = np.zeros((2, 4 * classes))
        if label:
            x, y, w, h = sides(row[1:])
            gx, gy, gw, gh = sides(own[1:5])
            code = [(gx + gw / 2 - x - w / 2) / w, (gy + gh / 2 - y - h / 2) / h]
            code += [math.log(gw / w), math.log(gh / h)]
            at = slice(4 * label, 4 * label + 4)
            target[at] = [(c - m) / s for c, m, s in zip(code, *spread, strict=True)]
            weight[at] = 1
        match = [label, *own[1:5], best] if label else [0] * 6
        for top, value in zip(tops, (row, [label], target, weight, match), strict=True):
            top.append(value)
    return [np.array(top, float) for top in tops]


def box_group_output(groups, spread, reach, score, threshold, least, before, most):
    """``groups`` have chances, codes, fields and stride."""
    number = len(groups[0][0]) // len(groups[0][2])
    found = []
    for image in range(number):
        rows = []
        for chances, codes, fields, stride in groups:
            for k, *place in np.ndindex(len(fields), *chances.shape[2:]):
                at = (image * len(fields) + k, slice(None), *place)
                shown = 1 - chances[at][0]
                x, y, w, h = decoded(codes[at], place, fields[k], stride, spread, reach)
                right = min(x + w - 1, chances.shape[3] * stride)
                bottom = min(y + h - 1, chances.shape[2] * stride)
                x, y = max(x, 0), max(y, 0)
                box = [x, y, right - x + 1, bottom - y + 1]
                if shown >= score and min(box[2:]) >= least:
                    rows.append([*box, shown])
        rows.sort(key=lambda row: -row[4])
        rows = suppressed(rows[: before or None], threshold, corners=True)[: most or None]
        found += [[image, x, y, x + w - 1, y + h - 1, s] for x, y, w, h, s in rows]
    return np.array(found).reshape(-1, 6)


def found_objects(chances, codes, regions, size, spread, least, threshold, most, by_class):
    found = []
    for label in range(1, chances.shape[1]):
        rows = []
        for chance, code, region in zip(chances, codes, regions, strict=True):
            at = 4 * (label if by_class else 1)
            x1, y1, x2, y2 = moved(region[1:5], code[at : at + 4], spread)
            box = [max(x1, 0), max(y1, 0), min(x2, size[1]), min(y2, size[0])]
            if chance[label] >= least:
                rows.append([*sides(box), chance[label]])
        rows.sort(key=lambda row: -row[4])
        rows = suppressed(rows, threshold, corners=True)
        found += [[0, x, y, x + w - 1, y + h - 1, label, s] for x, y, w, h, s in rows]
    if 0 < most < len(found):
        last = sorted((row[6] for row in found), reverse=True)[most - 1]
        found = [row for row in found if row[6] >= last]
    return np.array([[0, *[-1] * 6], *found])
