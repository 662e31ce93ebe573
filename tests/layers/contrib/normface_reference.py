"""The losses of NormFace in numpy: element by element, their gradients beside them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

DEFAULTS = {
    "positive_margin": 0.0,
    "negative_margin": 1.0,
    "positive_weight": 1.0,
    "negative_weight": 1.0,
    "positive_outlier_thresh": 4.0,
    "positive_upper_bound": 1.0,
    "max_negative_margin": 1.2,
    "normalize_negative": None,
    "max_negative_only": False,
    "max_positive_only": False,
    "positive_first": False,
    "exp_negative_weight": False,
    "add_intra_mae": False,
}


def contrastive(x, labels, raised, **given):
    """The loss, the means, the gradient, and what the margin is raised by the next time."""
    p = SimpleNamespace(**{**DEFAULTS, **given})
    p.margin = p.negative_margin + (raised if p.add_intra_mae else 0)
    rows, classes = x.shape
    part, means, best, hardest = parts_of(x, labels, p)
    counts = np.ones(x.shape, bool)
    slope = np.zeros_like(x)
    for i in range(rows):
        is_far = p.positive_first and x[i, labels[i]] > p.positive_upper_bound
        for j in range(classes):
            if j == labels[i]:
                counts[i, j] = not p.max_positive_only or i == best
                within = p.positive_margin < x[i, j] < p.positive_outlier_thresh
                slope[i, j] = p.positive_weight * (is_far or (within and counts[i, j]))
                continue
            counts[i, j] = not is_far and (not p.max_negative_only or j == hardest[i])
            if x[i, j] < p.margin and counts[i, j]:
                slope[i, j] = -p.negative_weight
                slope[i, j] *= np.exp(-x[i, j]) if p.exp_negative_weight else 1
    if p.normalize_negative is not None:
        other = np.arange(classes) != labels[:, None]
        total = abs(slope[other].sum()) / p.normalize_negative / rows
        slope[other] /= total if total > p.positive_weight else 1
    raised = min(0.99 * raised + 0.01 * means[0], p.max_negative_margin)
    means += [raised] if p.add_intra_mae else []
    return np.abs(part * counts).sum() / rows, means, slope / rows, raised


def parts_of(x, labels, p):
    """Each distance's part, their means, the row whose own is least, and each row's worst other."""
    rows, classes = x.shape
    part, near, far = np.zeros_like(x), 0.0, 0.0
    best, hardest = 0, np.zeros(rows, int)
    for i, j in np.ndindex(rows, classes):
        if j == labels[i]:
            beyond = min(p.positive_outlier_thresh, max(0, x[i, j] - p.positive_margin))
            part[i, j] = beyond * p.positive_weight
            near += beyond
            best = i if part[i, j] < part[best, labels[best]] else best
        elif x[i, j] < p.margin:
            factor = np.exp(-x[i, j]) if p.exp_negative_weight else p.margin - x[i, j]
            part[i, j] = factor * p.negative_weight
            far += p.margin - x[i, j]
            hardest[i] = j if part[i, j] > part[i, hardest[i]] else hardest[i]
    return part, [near / rows, far / rows / (classes - 1)], best, hardest


def triplet(
    x,
    labels,
    *,
    margin=0.2,
    add_center_loss=True,
    hardest_only=False,
    positive_first=False,
    positive_upper_bound=1.0,
    positive_weight=1.0,
    negative_weight=1.0,
):
    """The loss, the means and the gradient."""
    rows, classes = x.shape
    part, slope = np.zeros_like(x), np.zeros_like(x)
    own = x[np.arange(rows), labels]
    for i in range(rows):
        others = [j for j in range(classes) if j != labels[i]]
        short = {j: max(0, own[i] + margin - x[i, j]) * negative_weight for j in others}
        near = [j for j in others if short[j] > 0]
        if hardest_only and near:
            near = [max(near, key=lambda j: (short[j], -j))]
        for j in near:
            part[i, j] = short[j]
        if positive_first and own[i] > positive_upper_bound:
            part[i] = 0
            slope[i, labels[i]] = positive_weight
            continue
        told = [j for j in near if x[i, j] != 0 or not hardest_only]
        slope[i] = part[i] * hardest_only
        slope[i, told] = -negative_weight
        slope[i, labels[i]] = positive_weight if add_center_loss or told else 0
    means = [own.mean(), (x.sum() - own.sum()) / rows / (classes - 1)]
    return np.abs(part).sum() / rows, means, slope / rows


def mean_shift(margins, start, steps):
    """Where the mean of what is within 0.1 of it settles, or is after so many steps."""
    last = start
    for _ in range(steps):
        near = margins[np.abs(margins - start) < 0.1]
        if not len(near):
            start = last = margins.mean()
            near = margins[np.abs(margins - start) < 0.1]
            if not len(near):
                return start
        start = near.mean()
        if abs(last - start) < 0.001:
            break
        last = start
    return start


def lse_margin(x, labels, scale, margin):
    """The scaled cosines, the means and the margin of a batch, by the one before."""
    rows = np.arange(len(x))
    own, others = x[rows, labels], x.copy()
    others[rows, labels] = -np.inf
    largest = np.maximum(others.max(1), -1)
    smooth = np.log(np.exp(scale[:, None] * (others - largest[:, None])).sum(1)) / scale + largest
    apart = own - smooth
    if margin == 0:
        margin = mean_shift(apart, apart.mean(), 20)
    else:
        margin = 0.9 * margin + 0.1 * mean_shift(apart, margin, 1)
    y = x.copy()
    y[rows, labels] -= max(margin, 0)
    means = [scale.mean(), own.mean(), smooth.mean(), largest.mean(), margin]
    return y * scale[:, None], means, margin
