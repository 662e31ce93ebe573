"""Proposal's other forms: anchors of stated sizes, and sizes of three numbers."""

from __future__ import annotations

import numpy as np
import pytest
from one_layer import close, compiled, numbers, outputs, text_of

import protonet
from protonet import NetError

SIDES = [(10.0, 6.0), (4.0, 12.0)]
FIELDS = "base_size: 8 feat_stride: 8 nms_thresh: 0.5 min_size: 3 post_nms_topn: 9"


def reference(scores, deltas, size):
    """The regions of an image and their scores, by loops."""
    tall, wide, down, right = size
    found = []
    for y, x in np.ndindex(*scores.shape[2:]):
        for k, (w, h) in enumerate(SIDES):
            dx, dy, dw, dh = deltas[0, 4 * k : 4 * k + 4, y, x]
            middle = 3.5 + 8 * x + 0.5, 3.5 + 8 * y + 0.5
            cx, cy, bw, bh = middle[0] + dx * w, middle[1] + dy * h, w * np.exp(dw), h * np.exp(dh)
            box = np.array([cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2])
            box = np.clip(box, 0, np.array([wide, tall, wide, tall]) - 1)
            big = box[2] - box[0] + 1 >= 3 * right and box[3] - box[1] + 1 >= 3 * down
            found.append((scores[0, 2 + k, y, x] * big, box))
    found.sort(key=lambda item: -item[0])
    kept = []
    for score, box in found:
        area = np.prod(box[2:] - box[:2] + 1)
        for _, other in kept:
            low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
            both = np.prod((high - low + 1).clip(0))
            if both / (area + np.prod(other[2:] - other[:2] + 1) - both) > 0.5:
                break
        else:
            kept.append((score, box))
    return kept[:9]


@pytest.mark.parametrize("size", [(30.0, 40.0, 1.5, 1.5), (30.0, 40.0, 1.5)])
def test_anchors_of_stated_sizes(size):
    scores = np.abs(numbers(1, (1, 4, 3, 4)))
    deltas = numbers(2, (1, 8, 3, 4)) / 4
    scale = " ".join(f"scale: {side}" for pair in SIDES for side in pair)
    shapes = [scores.shape, deltas.shape, (1, len(size))]
    fields = f"proposal_param {{ {FIELDS} {scale} }}"
    regions, kept = outputs(
        compiled("ProposalCluster", fields, shapes, tops=2), scores, deltas, [size]
    )
    wanted = reference(scores, deltas, (*size, size[-1])[:4])
    close(kept, [score for score, _ in wanted])
    close(regions, [[0, *box] for _, box in wanted])


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("ProposalCluster", "scale: 3", "scale is given 1 times, and takes a width and a height"),
        ("ProposalCluster", "", "scale is given 0 times"),
        ("ProposalCluster", "scale: [3, 4] ratio: 1", "its anchors have no ratios, but sizes"),
        ("Proposal", "scale: 4", "it has no anchors"),
    ],
)
def test_anchors_that_are_none(kind, fields, told):
    shapes = [(1, 2, 2, 2), (1, 4, 2, 2), (1, 3)]
    with pytest.raises(NetError, match=told):
        protonet.compile(text_of(kind, f"proposal_param {{ {fields} }}", shapes))
