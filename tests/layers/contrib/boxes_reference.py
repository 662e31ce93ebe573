"""SSD's layers in plain numpy, box by box as the C++ reads; nothing here knows protonet."""

from __future__ import annotations

import math

import numpy as np


def iou(a, b, pixel=0.0):
    wide = min(a[2], b[2]) - max(a[0], b[0]) + pixel
    high = min(a[3], b[3]) - max(a[1], b[1]) + pixel
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (area(a, pixel) + area(b, pixel) - wide * high)


def area(box, pixel=0.0):
    if box[2] < box[0] or box[3] < box[1]:
        return 0.0
    return (box[2] - box[0] + pixel) * (box[3] - box[1] + pixel)


def nms(boxes, threshold, eta=1.0, pixel=0.0, most=None):
    """Kept places, of boxes in the order of falling scores."""
    kept = []
    for index, box in enumerate(boxes):
        if most is not None and len(kept) == most:
            break
        if all(iou(box, boxes[k], pixel) <= threshold for k in kept):
            kept.append(index)
            if eta < 1 and threshold > 0.5:
                threshold *= eta
    return kept


def descending(values):
    return sorted(range(len(values)), key=lambda i: -values[i])


def decode(prior, variance, offset, code):
    (x1, y1, x2, y2), v, o = prior, variance, offset
    wide, high = x2 - x1, y2 - y1
    if code == "CORNER":
        return [p + s * d for p, s, d in zip(prior, v, o, strict=True)]
    if code == "CORNER_SIZE":
        sizes = (wide, high, wide, high)
        return [p + s * d * z for p, s, d, z in zip(prior, v, o, sizes, strict=True)]
    cx, cy = v[0] * o[0] * wide + (x1 + x2) / 2, v[1] * o[1] * high + (y1 + y2) / 2
    w, h = math.exp(v[2] * o[2]) * wide, math.exp(v[3] * o[3]) * high
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


def encode(prior, variance, box, code):
    (x1, y1, x2, y2), v = prior, variance
    wide, high = x2 - x1, y2 - y1
    if code == "CORNER":
        return [(b - p) / s for b, p, s in zip(box, prior, v, strict=True)]
    if code == "CORNER_SIZE":
        sizes = (wide, high, wide, high)
        return [(b - p) / z / s for b, p, z, s in zip(box, prior, sizes, v, strict=True)]
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return [
        (cx - (x1 + x2) / 2) / wide / v[0],
        (cy - (y1 + y2) / 2) / high / v[1],
        math.log((box[2] - box[0]) / wide) / v[2],
        math.log((box[3] - box[1]) / high) / v[3],
    ]


def prior_box(size, image, p):
    """``p`` holds lists min, max, ratio, and flip, clip, variance, step, offset."""
    (high, wide), (down, right) = image, p["step"] or (image[0] / size[0], image[1] / size[1])
    ratios = [1.0]
    for ratio in p["ratio"]:
        if not any(abs(ratio - other) < 1e-6 for other in ratios):
            ratios += [ratio, 1 / ratio] if p["flip"] else [ratio]
    boxes = []
    for i in range(size[0]):
        for j in range(size[1]):
            cy, cx = (i + p["offset"]) * down, (j + p["offset"]) * right
            for s, low in enumerate(p["min"]):
                shapes = [(int(low), int(low))]
                if p["max"]:
                    side = math.sqrt(int(low) * int(p["max"][s]))
                    shapes.append((side, side))
                roots = [math.sqrt(ratio) for ratio in ratios[1:]]
                shapes += [(int(low) * root, int(low) / root) for root in roots]
                for w, h in shapes:
                    corners = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
                    boxes.append([c / n for c, n in zip(corners, (wide, high) * 2, strict=True)])
    boxes = np.array(boxes)
    boxes = boxes.clip(0, 1) if p["clip"] else boxes
    variance = p["variance"] * 4 if len(p["variance"]) == 1 else p["variance"]
    return np.stack([boxes, np.tile(variance, (len(boxes), 1))]).reshape(1, 2, -1)


def normalize(x, scale, *, across, eps):
    y = np.empty_like(x)
    for n in range(len(x)):
        if across:
            y[n] = x[n] / math.sqrt((x[n] ** 2).sum() + eps)
            continue
        for place in np.ndindex(x.shape[2:]):
            vector = x[(n, slice(None), *place)]
            y[(n, slice(None), *place)] = vector / math.sqrt((vector**2).sum() + eps)
    return y * np.asarray(scale).reshape(1, -1, *[1] * (x.ndim - 2))


def detection_output(offsets, scores, priors, p):
    """``p`` holds classes, shared, code, encoded, background, threshold, nms, eta, top_k, keep."""
    prior, variance = priors.reshape(2, -1, 4)
    rows = []
    for n in range(len(scores)):
        found = []
        for label in range(p["classes"]):
            if label == p["background"]:
                continue
            score = scores[n].reshape(-1, p["classes"])[:, label]
            own = offsets[n].reshape(len(prior), -1, 4)[:, 0 if p["shared"] else label]
            spread = np.ones_like(variance) if p["encoded"] else variance
            boxes = [decode(*given, p["code"]) for given in zip(prior, spread, own, strict=True)]
            order = [i for i in descending(score) if score[i] > p["threshold"]]
            order = order if p["top_k"] is None else order[: p["top_k"]]
            kept = [order[k] for k in nms([boxes[i] for i in order], p["nms"], p["eta"])]
            found += [[n, label, score[i], *boxes[i]] for i in kept]
        if p["keep"] is not None and len(found) > p["keep"]:
            best = descending([row[2] for row in found])[: p["keep"]]
            found = [found[i] for i in sorted(best)]
        rows += found
    if not rows:
        rows = [[n, *[-1] * 6] for n in range(len(scores))]
    return np.array(rows)[None, None]


def detection_evaluate(found, truth, classes, *, background, threshold, difficult):
    found = [row for row in found if row[0] != -1]
    stop = next((i for i, row in enumerate(truth) if row[0] == -1), len(truth))
    truth = truth[:stop]
    rows = []
    for label in range(classes):
        if label != background:
            counted = [r for r in truth if r[1] == label and (difficult or not r[7])]
            rows.append([-1, label, len(counted), -1, -1])
    for image, label in sorted({(r[0], r[1]) for r in found}):
        mine = [r for r in found if (r[0], r[1]) == (image, label)]
        real = [r for r in truth if (r[0], r[1]) == (image, label)]
        if not real:
            rows += [[*r[:3], 0, 1] for r in mine]
            continue
        seen = set()
        for k in descending([r[2] for r in mine]):
            overlaps = [iou(mine[k][3:], r[3:7]) for r in real]
            best = int(np.argmax(overlaps))
            verdict = [0, 1]
            if overlaps[best] >= threshold:
                verdict = [1, 0] if best not in seen else [0, 1]
                if not difficult and real[best][7]:
                    verdict = [0, 0]
                else:
                    seen.add(best)
            rows.append([*mine[k][:3], *verdict])
    return np.array(rows, float)[None, None]


def match(boxes, truth, p):
    """The true box of each box (-1 none, -2 not to be used), and the overlaps."""
    matched, overlaps, pairs = [-1] * len(boxes), [0.0] * len(boxes), {}
    for i, box in enumerate(boxes):
        if p["inside_only"] and any(c < 0 or c > 1 for c in box):
            matched[i] = -2
            continue
        for j, real in enumerate(truth):
            if iou(box, real) > 1e-6:
                pairs[i, j] = iou(box, real)
                overlaps[i] = max(overlaps[i], pairs[i, j])
    pool = set(range(len(truth)))
    while pool:
        free = [(i, j) for i, j in pairs if matched[i] == -1 and j in pool]
        if not free:
            break
        i, j = max(free, key=lambda at: pairs[at])
        matched[i], overlaps[i] = j, pairs[i, j]
        pool.remove(j)
    if p["match"] == "PER_PREDICTION":
        for i in range(len(boxes)):
            near = [j for j in range(len(truth)) if pairs.get((i, j), -1) >= p["overlap"]]
            if matched[i] == -1 and near:
                matched[i] = max(near, key=lambda j: pairs[i, j])
                overlaps[i] = pairs[i, matched[i]]
    return matched, overlaps


def softmax_loss(score, label):
    shifted = score - score.max()
    return math.log(np.exp(shifted).sum()) - shifted[label]


def logistic_loss(score, target):
    return float((np.maximum(score, 0) - score * target + np.log1p(np.exp(-abs(score)))).sum())


def score_loss(score, label, p):
    if p["confidence"] == "SOFTMAX":
        return softmax_loss(score, label)
    if p["confidence"] == "FOCALSOFTMAX":
        right = np.exp(score[label]) / np.exp(score).sum()
        return float(-0.75 * (1 - right) ** 2 * np.log(right))
    return logistic_loss(score, np.eye(len(score))[label])


def offset_loss(offset, prior, variance, box, p):
    wanted = np.array(encode(prior, variance, box, p["code"]))
    given = offset / variance if p["encoded"] else np.array(offset)
    if p["bp_inside"]:
        spread = np.ones(4) if p["encoded"] else variance
        placed = prior if p["priors"] else decode(prior, spread, offset, p["code"])
        given = np.where([c < 0 or c > 1 for c in placed], wanted, given)
    off = np.abs(given - wanted)
    if p["location"] == "L2":
        return float((off**2).sum() / 2)
    return float(np.where(off < 1, off**2 / 2, off - 0.5).sum())


def hardest(losses, eligible, boxes, most, p):
    order = [i for i in descending(losses) if eligible[i]]
    if p["nms"]:
        threshold, top_k = p["nms"]
        order = [i for i in order[:top_k] if area(boxes[i]) >= 1e-5]
        order = [order[k] for k in nms([boxes[i] for i in order], threshold, most=top_k)]
    return set(order[:most])


def multibox_loss(offsets, scores, priors, truth, p):
    prior, variance = priors.reshape(2, -1, 4)
    sets = 1 if p["shared"] else p["classes"]
    near = right = matches = 0
    for n in range(len(scores)):
        own = offsets[n].reshape(len(prior), sets, 4)
        score = scores[n].reshape(len(prior), p["classes"])
        real = [r for r in truth if r[0] == n and (p["difficult"] or not r[7])]
        if not real:
            if p["mining"] == "NONE":
                right += sum(
                    score_loss(s, 0, p)
                    if p["confidence"] != "LOGISTIC"
                    else logistic_loss(s, np.zeros(len(s)))
                    for s in score
                )
            continue
        found = matched_sets(own, prior, variance, real, p)
        if p["mining"] == "NONE":
            for i in range(len(prior)):
                labels = [int(real[m[i]][1]) for m, _, _ in found if m[i] >= 0]
                if p["confidence"] != "LOGISTIC":
                    right += score_loss(score[i], labels[-1] if labels else 0, p)
                else:
                    target = np.zeros(p["classes"])
                    target[labels] = 1
                    right += logistic_loss(score[i], target)
        else:
            right += mined(found[0], own, score, prior, variance, real, p)
        for m, group, _ in found:
            for i in range(len(prior)):
                if m[i] >= 0:
                    matches += 1
                    near += offset_loss(own[i, group], prior[i], variance[i], real[m[i]][3:7], p)
    sizes = {"FULL": len(scores) * len(prior), "VALID": matches, "BATCH_SIZE": len(scores)}
    return (p["weight"] * near + right) / max(sizes.get(p["normalization"], 1), 1)


def matched_sets(own, prior, variance, real, p):
    """(matches, set, overlaps) for every set of offsets."""
    spread = np.ones_like(variance) if p["encoded"] else variance
    if p["priors"]:
        m, overlaps = match(prior, [r[3:7] for r in real], p)
        if p["shared"]:
            return [(m, 0, overlaps)]
        return [
            ([j if j >= 0 and real[j][1] == c else -1 for j in m], c, overlaps)
            for c in range(1, p["classes"])
        ]
    found = []
    for c in range(1 if p["shared"] else p["classes"]):
        if not p["shared"] and c == 0:
            continue
        mine = [j for j, r in enumerate(real) if p["shared"] or r[1] == c]
        boxes = [decode(*g, p["code"]) for g in zip(prior, spread, own[:, c], strict=True)]
        m, overlaps = [-1] * len(prior), [0.0] * len(prior)
        if mine:
            m, overlaps = match(boxes, [real[j][3:7] for j in mine], p)
        found.append(([mine[j] if j >= 0 else j for j in m], c, overlaps))
    return found


def mined(found, own, score, prior, variance, real, p):
    """The loss of the scores that mining picks; takes matches away for HARD_EXAMPLE."""
    m, _, overlaps = found
    spread = np.ones_like(variance) if p["encoded"] else variance
    losses = [score_loss(s, int(real[m[i]][1]) if m[i] >= 0 else 0, p) for i, s in enumerate(score)]
    if p["confidence"] == "FOCALSOFTMAX":
        losses = [loss * 0.25 / 0.75 for loss in losses]
    positive = sum(j >= 0 for j in m)
    eligible = [j == -1 and o < p["neg_overlap"] for j, o in zip(m, overlaps, strict=True)]
    most = int(positive * p["ratio"])
    if p["mining"] == "HARD_EXAMPLE":
        eligible, most = [True] * len(m), p["samples"]
        for i, j in enumerate(m):
            if j >= 0:
                losses[i] += offset_loss(own[i, 0], prior[i], variance[i], real[j][3:7], p)
    boxes = [decode(*g, p["code"]) for g in zip(prior, spread, own[:, 0], strict=True)]
    hard = hardest(losses, eligible, prior if p["nms_priors"] else boxes, most, p)
    negative = [i for i in hard if m[i] == -1]
    for i in range(len(m)):
        if p["mining"] == "HARD_EXAMPLE" and m[i] >= 0 and i not in hard:
            m[i] = -1
    positives = [i for i in range(len(m)) if m[i] >= 0]
    total = sum(score_loss(score[i], int(real[m[i]][1]), p) for i in positives)
    return total + sum(score_loss(score[i], 0, p) for i in negative)
