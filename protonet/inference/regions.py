"""Regions that a proposal network found, their scores and their deltas, as rows of boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array
from protonet.graph import Graph

_PROPOSERS = ("Proposal", "rpn.proposal_layer.ProposalLayer")
_OVERLAP, _LEAST = 0.3, 0.05  # TEST.NMS, and the score below which test_net drops a box


@dataclass(frozen=True)
class RegionBlobs:
    """The blobs of a net whose regions are scored and moved.

    ``rois`` (r, 5), ``scores`` (r, classes), ``deltas`` (r, 4 * classes), or of 8, of which the
    last four are every class's; ``sizes`` is the input of height, width and scale.
    """

    rois: str
    scores: str
    deltas: str
    sizes: str


def region_blobs(graph: Graph) -> RegionBlobs | None:
    """The blobs of a net that proposes regions and gives out their scores and deltas, or None."""
    proposers = [node for node in graph.nodes if node.layer.type in _PROPOSERS]
    if len(proposers) != 1:
        return None
    (proposer,) = proposers
    outputs = [v for v in graph.outputs if not v.producer.layer.is_data]
    others = [v for v in outputs if v.producer is not proposer]
    scores = [v for v in others if v.producer.type == "Softmax"]
    deltas = [v for v in others if v not in scores]
    if len(scores) != 1 or len(deltas) != 1 or proposer.inputs[2] not in graph.inputs:
        return None
    classes, numbers = scores[0].shape[1], deltas[0].shape[1]
    if numbers not in (8, 4 * classes):
        return None
    size = proposer.inputs[2].blob
    return RegionBlobs(proposer.outputs[0].blob, scores[0].blob, deltas[0].blob, size)


def region_rows(rois: Array, scores: Array, deltas: Array, height: int, width: int) -> Array:
    """Rows of 0, label, score and corners from 0 to 1, of boxes that no better one covers.

    Source: py-faster-rcnn's im_detect and test_net.
    """
    moves = deltas.reshape(len(rois), -1, 4)
    each = scores.reshape(len(rois), -1)
    size = np.array([width, height, width, height], np.float32)
    found = [np.zeros((0, 7), np.float32)]
    for label in range(1, each.shape[1]):
        own = moves[:, label if moves.shape[1] == each.shape[1] else -1]
        boxes = np.clip(np.nan_to_num(_moved(rois[:, 1:5], own)), 0, size - 1)
        order = np.argsort(-each[:, label], kind="stable")
        order = order[each[order, label] > _LEAST]
        kept = order[_uncovered(boxes[order])]
        head = [np.zeros(len(kept)), np.full(len(kept), label), each[kept, label]]
        found.append(np.concatenate([np.stack(head, 1), boxes[kept] / size], 1))
    return np.concatenate(found)


def _moved(boxes: Array, deltas: Array) -> Array:
    """Boxes of corners in pixels, moved and scaled. Source: bbox_transform_inv."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    center = boxes[:, :2] + size / 2 + deltas[:, :2] * size
    with np.errstate(over="ignore"):  # of a net that was not trained; cut off at the image's edge
        half = np.exp(deltas[:, 2:]) * size / 2
    return np.concatenate([center - half, center + half], 1)


def _uncovered(boxes: Array) -> Array:
    """The places of the boxes, best first, that overlap no better one by more than the limit."""
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    left, kept = np.arange(len(boxes)), []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        start = np.maximum(boxes[best, :2], boxes[others, :2])
        stop = np.minimum(boxes[best, 2:], boxes[others, 2:])
        common = np.maximum(stop - start + 1, 0).prod(1)
        left = others[common <= _OVERLAP * (areas[best] + areas[others] - common)]
    return np.array(kept, np.int64)
