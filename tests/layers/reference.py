"""Caffe's layers in plain numpy, loop by loop as the C++ reads; nothing here knows protonet."""

from __future__ import annotations

import itertools

import numpy as np


def places(size):
    return itertools.product(*(range(n) for n in size))


def convolution(x, weight, bias, *, stride, pad, dilation, group):
    """(n, c, ...) by (o, c / group, ...)."""
    axes = x.ndim - 2
    kernel = weight.shape[2:]
    windows = list(zip(x.shape[2:], pad, dilation, kernel, stride, strict=True))
    # C++ divides towards zero, and what im2col sees behind the padding is zero.
    size = [int((n + 2 * p - d * (k - 1) - 1) / s) + 1 for n, p, d, k, s in windows]
    behind = [max(0, d * (k - 1) + 1 - n - 2 * p) for n, p, d, k, _ in windows]
    pads = [(p, p + b) for p, b in zip(pad, behind, strict=True)]
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    y = np.zeros((len(x), len(weight), *size))
    outputs, inputs = len(weight) // group, x.shape[1] // group
    for o in range(len(weight)):
        first = o // outputs * inputs
        for at in places(size):
            for tap in places(kernel):
                where = tuple(at[i] * stride[i] + tap[i] * dilation[i] for i in range(axes))
                seen = padded[(slice(None), slice(first, first + inputs), *where)]
                y[(slice(None), o, *at)] += seen @ weight[(o, slice(None), *tap)]
    return y if bias is None else y + bias.reshape(-1, *(1,) * axes)


def deconvolution(x, weight, bias, *, stride, pad, dilation, group):
    """(n, c, ...) by (c, o / group, ...): every element spreads its filter."""
    axes, kernel = x.ndim - 2, weight.shape[2:]
    full = [
        s * (n - 1) + d * (k - 1) + 1
        for n, d, k, s in zip(x.shape[2:], dilation, kernel, stride, strict=True)
    ]
    outputs, inputs = weight.shape[1], x.shape[1] // group
    y = np.zeros((len(x), outputs * group, *full))
    for c in range(x.shape[1]):
        first = c // inputs * outputs
        for at in places(x.shape[2:]):
            for tap in places(kernel):
                where = tuple(at[i] * stride[i] + tap[i] * dilation[i] for i in range(axes))
                spread = np.outer(x[(slice(None), c, *at)], weight[(c, slice(None), *tap)])
                y[(slice(None), slice(first, first + outputs), *where)] += spread
    inner = tuple(slice(p, n - p) for p, n in zip(pad, full, strict=True))
    y = y[(slice(None), slice(None), *inner)]
    return y if bias is None else y + bias.reshape(-1, *(1,) * axes)


def pooled_size(n, k, s, p, *, any_pad, floor):
    steps = (n + 2 * p - k) / s
    size = int(np.floor(steps) if floor else np.ceil(steps)) + 1
    return size - 1 if any_pad and (size - 1) * s >= n + p else size


def pooling(x, method, *, kernel, stride, pad, floor=False):
    """MAX, AVE or STOCHASTIC in the TEST phase; places of the maxima for MAX."""
    height, width = x.shape[2:]
    size = [
        pooled_size(n, k, s, p, any_pad=any(pad), floor=floor)
        for n, k, s, p in zip(x.shape[2:], kernel, stride, pad, strict=True)
    ]
    y, mask = np.zeros((*x.shape[:2], *size)), np.full((*x.shape[:2], *size), -1.0)
    for n, c, i, j in places(y.shape):
        top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
        bottom, right = min(top + kernel[0], height + pad[0]), min(left + kernel[1], width + pad[1])
        area = (bottom - top) * (right - left)
        bottom, right = min(bottom, height), min(right, width)
        top, left = max(top, 0), max(left, 0)
        window = x[n, c, top:bottom, left:right]
        if not window.size:  # it starts behind the image: 0 / 0, or Caffe's smallest number
            y[n, c, i, j] = np.nan
        elif method == "AVE":
            y[n, c, i, j] = window.sum() / area
        elif method == "STOCHASTIC":
            total = window.sum()
            y[n, c, i, j] = (window**2).sum() / total if total else 0
        else:
            a, b = np.unravel_index(window.argmax(), window.shape)
            y[n, c, i, j] = window[a, b]
            mask[n, c, i, j] = (top + a) * width + left + b
    return y, mask


def lrn(x, *, size, alpha, beta, k, within):
    y, half = np.zeros_like(x), size // 2
    for n, c, i, j in places(x.shape):
        if within:
            rows = slice(max(i - half, 0), i + half + 1)
            window = x[n, c, rows, max(j - half, 0) : j + half + 1]
            scale = 1 + alpha * (window**2).sum() / size**2
        else:
            window = x[n, max(c - half, 0) : c + half + 1, i, j]
            scale = k + alpha / size * (window**2).sum()
        y[n, c, i, j] = x[n, c, i, j] * scale**-beta
    return y


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def rows(x, axis):
    """Scores by (place before, place after), the classes in between, as Caffe counts them."""
    before, after = int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis + 1 :]))
    return x.reshape(before, x.shape[axis], after)


def divisor(mode, places_, counted, batch):
    counts = {"FULL": places_, "VALID": counted, "BATCH_SIZE": batch, "NONE": 1}
    return max(1, counts[mode])


def softmax_loss(x, labels, *, axis, mode, ignore=None):
    p = rows(softmax(x, axis), axis)
    label = labels.reshape(p.shape[0], p.shape[2]).astype(int)
    total = counted = 0
    for i, j in places(label.shape):
        if label[i, j] != ignore:
            total -= np.log(max(p[i, label[i, j], j], 2.0**-126))
            counted += 1
    return total / divisor(mode, label.size, counted, p.shape[0])


def infogain_loss(x, labels, matrix, *, axis, mode, ignore=None):
    p = rows(softmax(x, axis), axis)
    label = labels.reshape(p.shape[0], p.shape[2]).astype(int)
    total = counted = 0
    for i, j in places(label.shape):
        if label[i, j] != ignore:
            total -= (matrix[label[i, j]] * np.log(p[i, :, j])).sum()
            counted += 1
    return total / divisor(mode, label.size, counted, p.shape[0])


def sigmoid_loss(x, target, *, mode, ignore=None):
    kept = np.ones(x.shape, bool) if ignore is None else target.astype(int) != ignore
    p = 1 / (1 + np.exp(-x))
    total = -(kept * (target * np.log(p) + (1 - target) * np.log(1 - p))).sum()
    return total / divisor(mode, x.size, int(kept.sum()), len(x))


def accuracy(x, labels, *, axis, top_k, ignore=None):
    """The share of hits, over all and by class; ties count against the label."""
    scores = rows(x, axis)
    label = labels.reshape(scores.shape[0], scores.shape[2]).astype(int)
    hits, seen = np.zeros(scores.shape[1]), np.zeros(scores.shape[1])
    for i, j in places(label.shape):
        own = label[i, j]
        if own != ignore:
            seen[own] += 1
            hits[own] += (scores[i, :, j] >= scores[i, own, j]).sum() - 1 < top_k
    by_class = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return (hits.sum() / seen.sum() if seen.sum() else 0), by_class


def largest(vector, top_k):
    """(value, place) pairs in falling order; of equal values the last place first."""
    return sorted(((v, i) for i, v in enumerate(vector)), reverse=True)[:top_k]


def lstm(x, keep, weight, bias, hidden_weight):
    steps, streams = keep.shape
    units = hidden_weight.shape[1]
    h, c = np.zeros((streams, units)), np.zeros((streams, units))
    outputs = []
    for t in range(steps):
        k = keep[t][:, None]
        gates = x[t].reshape(streams, -1) @ weight.T + bias + (k * h) @ hidden_weight.T
        i, f, o = (1 / (1 + np.exp(-g)) for g in np.split(gates[:, : 3 * units], 3, axis=1))
        c = k * f * c + i * np.tanh(gates[:, 3 * units :])
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


def spp(x, height, *, average):
    levels = []
    for level in range(height):
        bins = 2**level
        kernel = [-(-n // bins) for n in x.shape[2:]]
        lack = [k * bins - n for k, n in zip(kernel, x.shape[2:], strict=True)]
        pad = [(m + 1) // 2 for m in lack]
        method = "AVE" if average else "MAX"
        y, _ = pooling(x, method, kernel=kernel, stride=kernel, pad=pad)
        levels.append(y.reshape(len(x), -1))
    return np.concatenate(levels, axis=1)
