"""caffe-yolov2's found and judged boxes in plain numpy, as the C++ reads; no protonet here."""

from __future__ import annotations

import boxes_reference as boxes
import numpy as np
from yolo_reference import sigmoid, softmax


def clipped(x, y, w, h):
    return [max(x - w / 2, 0), max(y - h / 2, 0), min(x + w / 2, 1), min(y + h / 2, 1)]


def found(x, classes, anchors, threshold, nms):
    """Rows of 0, class, score, center and size."""
    side, each = x.shape[2], 5 + classes
    rows = []
    for j, i, n in np.ndindex(side, side, len(anchors)):
        v = x[0, n * each : (n + 1) * each, j, i]
        scores = softmax(v[5:])
        label = int(np.argmax(scores))
        score = sigmoid(v[4]) * scores[label]
        if score >= threshold:
            center = (i + sigmoid(v[0])) / side, (j + sigmoid(v[1])) / side
            size = np.exp(v[2]) * anchors[n][0] / side, np.exp(v[3]) * anchors[n][1] / side
            rows.append([0, label, score, *center, *size])
    gone = set()
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            pair = clipped(*rows[i][3:]), clipped(*rows[j][3:])
            if i not in gone and boxes.iou(*pair) >= nms:
                gone.add(j)
    kept = [row for i, row in enumerate(rows) if i not in gone]
    return np.array(kept or [[0, *[-1] * 6]])[None, None]


def judged(rows, truth, classes, threshold):
    """Counts of the true boxes by class, then each found box with right and wrong."""
    real = []
    for row in truth.reshape(-1, 5):
        if row[3] == 0:
            break
        real.append((int(row[0]), clipped(*row[1:])))
    out = [[-1, c, sum(label == c for label, _ in real), -1, -1] for c in range(classes)]
    for label in sorted({row[1] for row in rows if row[1] != -1}):
        mine = [row for row in rows if row[1] == label]
        own, taken = [box for c, box in real if c == label], set()
        mine = sorted(mine, key=lambda row: -row[2]) if own else mine
        for row in mine:
            overlap = [boxes.iou(clipped(*row[3:]), box) for box in own]
            best = int(np.argmax(overlap)) if own else -1
            right = bool(own) and overlap[best] >= threshold and best not in taken
            taken |= {best} if right else set()
            out.append([row[0], label, row[2], int(right), int(not right)])
    return np.array(out)[None, None]
