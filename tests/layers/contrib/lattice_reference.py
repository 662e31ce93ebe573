"""The permutohedral lattice in plain numpy, point by point with a dictionary of corners."""

from __future__ import annotations

from collections import defaultdict

import numpy as np


def simplex(feature):
    """The corners around a point, {corner: weight}, corners without their last coordinate."""
    d = len(feature)
    scaled = [
        f * np.sqrt(2 / 3) * (d + 1) / np.sqrt((i + 1) * (i + 2)) for i, f in enumerate(feature)
    ]
    point = [sum(scaled)] + [sum(scaled[j:]) - j * scaled[j - 1] for j in range(1, d + 1)]
    nearest = [round(p / (d + 1)) for p in point]
    rest = [p - (d + 1) * n for p, n in zip(point, nearest, strict=True)]
    order = sorted(range(d + 1), key=lambda i: (-rest[i], i))
    rank = [order.index(i) + sum(nearest) for i in range(d + 1)]
    for i in range(d + 1):
        if rank[i] < 0:
            rank[i], nearest[i] = rank[i] + d + 1, nearest[i] + 1
        elif rank[i] > d:
            rank[i], nearest[i] = rank[i] - d - 1, nearest[i] - 1
    weight = [0.0] * (d + 2)
    for i in range(d + 1):
        share = point[i] / (d + 1) - nearest[i]
        weight[d - rank[i]] += share
        weight[d + 1 - rank[i]] -= share
    weight[0] += 1 + weight[d + 1]
    corners = {}
    for colour in range(d + 1):
        key = [
            (d + 1) * nearest[i] + (colour if rank[i] <= d - colour else colour - d - 1)
            for i in range(d)
        ]
        corners[tuple(key)] = weight[colour]
    return corners


def filtered(values, features):
    """(n, c) values blurred along each axis of the lattice of their features."""
    d = features.shape[1]
    corners = [simplex(feature) for feature in features]
    lattice = defaultdict(lambda: np.zeros(values.shape[1]))
    for own, around in zip(values, corners, strict=True):
        for key, weight in around.items():
            lattice[key] = lattice[key] + weight * own
    for axis in range(d + 1):
        step = [-1] * d
        if axis < d:
            step[axis] = d
        old = dict(lattice)
        for key, value in old.items():
            before = old.get(tuple(k + s for k, s in zip(key, step, strict=True)), 0)
            after = old.get(tuple(k - s for k, s in zip(key, step, strict=True)), 0)
            lattice[key] = value + (before + after) / 2
    sliced = [sum(weight * lattice[key] for key, weight in around.items()) for around in corners]
    return np.stack(sliced) / (1 + 2.0**-d)


def smoothed(values, features):
    return filtered(values, features) / filtered(np.ones((len(values), 1)), features)


def places(height, width):
    return np.array([(x, y) for y in range(height) for x in range(width)], float)


def softmax(rows):
    powers = np.exp(rows - rows.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
