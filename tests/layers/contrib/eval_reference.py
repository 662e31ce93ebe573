"""EvalDetection of the YOLO forks in plain numpy, box by box; nothing here knows protonet."""

from __future__ import annotations

import boxes_reference as boxes
import numpy as np
from yolo_reference import corners, sigmoid, softmax


def scored(shown, sure, score):
    return {"OBJ": shown, "PROB": sure, "MULTIPLY": shown * sure}[score]


def yolo_found(x, p):
    """The boxes of one image of YOLO: label, score, box."""
    cells, found = p["side"] ** 2, []
    for cell in range(cells):
        scores = [x[c * cells + cell] for c in range(p["classes"])]
        label = int(np.argmax(scores))
        for k in range(p["boxes"]):
            shown = x[(p["classes"] + k) * cells + cell]
            at = (p["classes"] + p["boxes"] + 4 * k) * cells + cell
            a, b, w, h = (x[at + i * cells] for i in range(4))
            if p["in_cells"]:
                a, b = (cell % p["side"] + a) / p["side"], (cell // p["side"] + b) / p["side"]
            if p["sqrt"]:
                w, h = w**2, h**2
            found.append((label, scored(shown, scores[label], p["score"]), corners(a, b, w, h)))
    return found


def yolo_true(truth, p):
    """The true boxes of one image of YOLO: label, difficult, box."""
    cells = p["side"] ** 2
    return [
        (int(truth[2 * cells + i]), truth[i] == 1, corners(*truth[3 * cells + 4 * i :][:4]))
        for i in range(cells)
        if truth[cells + i]
    ]


def yolov2_found(x, anchors, p):
    found, side = [], p["side"]
    cells = x.reshape(len(anchors), -1, side, side)
    for i, j, a in np.ndindex(side, side, len(anchors)):
        v = cells[a, :, i, j]
        w, h = np.exp(v[2:4]) * np.array(anchors[a]) / side
        box = corners((j + sigmoid(v[0])) / side, (i + sigmoid(v[1])) / side, w, h)
        sure = softmax(v[5:])
        label = int(np.argmax(sure))
        found.append((label, scored(sigmoid(v[4]), sure[label], p["score"]), box))
    return found


def yolov2_true(truth):
    real = []
    for label, x, y, w, h in truth.reshape(-1, 5):
        if x == 0:
            break
        real.append((int(label), False, corners(x, y, w, h)))
    return real


def evaluated(found, real, p):
    """The row of one image; ``p["second"]`` for YOLOv2's fork."""
    row = np.zeros(p["classes"] + 4 * len(found))
    for label, difficult, _ in real:
        row[label] += not difficult
    found = [found[i] for i in boxes.descending([score for _, score, _ in found])]
    if p["nms"] >= 0:
        kept = []
        for box in found:
            if all(boxes.iou(box[2], other[2]) < p["nms"] for other in kept):
                kept.append(box)
        found = [box for box in kept if not p["second"] or box[1] >= 0.005]
    elif p["second"]:
        found = []
    at = p["classes"]
    for label in range(p["classes"]):
        mine, taken = [t for t in real if t[0] == label], set()
        for _, score, box in (f for f in found if f[0] == label):
            overlaps = [boxes.iou(box, t[2]) for t in mine]
            row[at : at + 4] = [label, score, *verdict(overlaps, mine, taken, p)]
            at += 4
    return row


def verdict(overlaps, mine, taken, p):
    if not mine:
        return 0, 1
    best = int(np.argmax(overlaps))
    if overlaps[best] < p["threshold"]:
        return (0, 0) if p["second"] else (0, 1)
    if mine[best][1]:
        return 0, 0
    if best in taken:
        return 0, 1
    taken.add(best)
    return 1, 0


def yolo_loss(x, truth, p):
    """DetectionLoss of YOLO: its value, and what it leaves in its diff."""
    cells, side = p["side"] ** 2, p["side"]
    diff, sums, objects, empty = np.zeros_like(x), 0.0, 0, 0.0
    for n in range(len(x)):
        for cell in range(cells):
            shown = [(p["classes"] + k) * cells + cell for k in range(p["boxes"])]
            diff[n, shown] = p["empty"] * x[n, shown]
            empty += p["empty"] * (x[n, shown] ** 2).sum()
            if not truth[n, cells + cell]:
                continue
            objects += 1
            for c in range(p["classes"]):
                error = x[n, c * cells + cell] - (c == truth[n, 2 * cells + cell])
                sums += p["class"] * error**2
                diff[n, c * cells + cell] = p["class"] * error
            real = truth[n, 3 * cells + 4 * cell :][:4]
            k, overlap = answering(x[n], real, cell, p)
            empty -= p["empty"] * x[n, shown[k]] ** 2
            sums += p["object"] * (x[n, shown[k]] - 1) ** 2
            diff[n, shown[k]] = p["object"] * (x[n, shown[k]] - overlap)
            goal = real.copy()
            if p["in_cells"]:
                goal[:2] = real[0] * side - cell % side, real[1] * side - cell // side
            if p["sqrt"]:
                goal[2:] = np.sqrt(real[2:])
            at = [(p["classes"] + p["boxes"] + 4 * k + i) * cells + cell for i in range(4)]
            diff[n, at] = p["box"] * (x[n, at] - goal)
            sums += p["box"] * ((x[n, at] - goal) ** 2).sum()
    value = empty / (cells * p["boxes"] * len(x) - objects)
    return value + (sums / objects if objects else 0), diff


def answering(x, real, cell, p):
    """The place of the box that answers for an object, and how they overlap."""
    found = yolo_found(x, p | {"score": "OBJ"})[cell * p["boxes"] :][: p["boxes"]]
    overlaps = [boxes.iou(box, corners(*real)) for _, _, box in found]
    if max(overlaps) > 0:
        return int(np.argmax(overlaps)), max(overlaps)
    apart = []
    for _, _, (left, top, right, bottom) in found:
        numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        apart.append(np.sqrt(((np.array(numbers) - real) ** 2).sum()))
    return (int(np.argmin(apart)) if min(apart) < 20 else 0), 0.0
