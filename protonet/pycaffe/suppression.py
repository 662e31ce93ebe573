"""What Fast and Faster R-CNN's repositories compile from Cython and CUDA, in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from protonet.arrays import Array


def cpu_nms(dets: Array, thresh: float) -> list[int]:
    """The places of the boxes to keep, of (n, 5) corners and score, best first.

    A box goes where it overlaps a better one by at least ``thresh``. Source: py-faster-rcnn's
    nms/cpu_nms.pyx, fast-rcnn's utils/nms.pyx.
    """
    return _kept(dets, lambda overlaps: overlaps.astype(float) < thresh)


def gpu_nms(dets: Array, thresh: float, device_id: int = 0) -> list[int]:  # noqa: ARG001
    """cpu_nms, where a box stays that overlaps by just ``thresh``; it runs on the CPU, too.

    Source: py-faster-rcnn's nms/nms_kernel.cu.
    """
    return _kept(dets, lambda overlaps: overlaps <= np.float32(thresh))


def _kept(dets: Array, stays: Callable[[Array], Array]) -> list[int]:
    dets = np.asarray(dets, np.float32)
    low, high, areas = dets[:, :2], dets[:, 2:4], _areas(dets)
    order = dets[:, 4].argsort()[::-1]
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(int(best))
        top_left, bottom_right = (
            np.maximum(low[best], low[order]),
            np.minimum(high[best], high[order]),
        )
        shared = np.maximum(0, bottom_right - top_left + 1).prod(1)
        order = order[stays(shared / (areas[best] + areas[order] - shared))]
    return kept


def bbox_overlaps(boxes: Array, query_boxes: Array) -> Array:
    """Intersection over union of each of (n, 4) boxes with each of (k, 4): (n, k), float64.

    Source: py-faster-rcnn's utils/bbox.pyx.
    """
    boxes, query_boxes = (np.asarray(given, np.float64) for given in (boxes, query_boxes))
    low = np.maximum(boxes[:, None, :2], query_boxes[:, :2])
    high = np.minimum(boxes[:, None, 2:4], query_boxes[:, 2:4])
    shared = np.maximum(0, high - low + 1).prod(2)
    overlaps: Array = shared / (_areas(boxes)[:, None] + _areas(query_boxes) - shared)
    return overlaps


def _areas(boxes: Array) -> Array:
    """The pixels of boxes, whose corners both are in them."""
    return np.asarray((boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1))
