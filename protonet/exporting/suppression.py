"""Boxes that no better one suppresses, by ONNX's NonMaxSuppression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from onnxscript import opset18
from torch import Tensor

Recorded = Any  # a value of onnxscript's, while it records
op: Any = opset18


def number(value: float) -> Recorded:
    """A constant of one number."""
    return op.Constant(value=_tensor(np.array([value], np.float32)))


def whole(*values: int) -> Recorded:
    """A constant row of whole numbers."""
    return op.Constant(value=_tensor(np.array(values, np.int64)))


def _tensor(array: Any) -> Any:
    import onnx_ir as ir

    return ir.serde.serialize_tensor(ir.tensor(array))


def selected(
    boxes: Recorded, scores: Recorded, most: int, overlap: float, threshold: float | None
) -> Recorded:
    """Rows of group, class and box, group by group, class by class, the best first.

    Boxes (g, n, 4) with corners in order, scores (g, classes, n).
    """
    given = [boxes, scores, whole(most), number(overlap)]
    return op.NonMaxSuppression(*given, *([] if threshold is None else [number(threshold)]))


def column(rows: Recorded, index: int) -> Recorded:
    """One column of rows, (n)."""
    return op.Gather(rows, op.Constant(value_int=index), axis=1)


def as_column(values: Recorded) -> Recorded:
    """Numbers (n) as a column of floats, (n, 1)."""
    return op.Cast(op.Unsqueeze(values, whole(1)), to=1)


def order_of(values: Recorded, largest: bool = True) -> Recorded:
    """The places of numbers in order, equal ones as they stand."""
    _, order = op.TopK(values, op.Shape(values), axis=0, largest=int(largest), sorted=1)
    return order


def best_of_each(image: Recorded, score: Recorded, images: Recorded, most: int) -> Recorded:
    """The places, in order, of the ``most`` best rows of each image."""
    count = op.Shape(score)
    by_score = order_of(score)
    place = op.Range(op.Constant(value_int=0), op.Squeeze(count), op.Constant(value_int=1))
    key = op.Add(op.Mul(op.Gather(image, by_score), count), place)
    order = op.Gather(by_score, order_of(key, largest=False))
    own = op.Gather(image, order)
    each = op.Range(op.Constant(value_int=0), op.Squeeze(images), op.Constant(value_int=1))
    earlier = op.Less(op.Unsqueeze(image, whole(0)), op.Unsqueeze(each, whole(1)))
    start = op.ReduceSum(op.Cast(earlier, to=7), whole(1), keepdims=0)
    rank = op.Sub(place, op.Gather(start, own))
    kept = op.Compress(order, op.Less(rank, whole(most)), axis=0)
    return op.Gather(kept, order_of(kept, largest=False))


def best(score: Recorded, most: int) -> Recorded:
    """The places, in order, of the ``most`` best rows."""
    count = op.Min(op.Shape(score), whole(most))
    _, order = op.TopK(score, count, axis=0, largest=1, sorted=1)
    return op.Gather(order, order_of(order, largest=False))


def or_nothing(rows: Recorded, images: Recorded) -> Recorded:
    """Rows (n, 7), or a row of -1 for each image where there is none, as (1, 1, n, 7)."""
    none = op.Equal(op.Shape(rows, start=0, end=1), whole(0))
    many = op.Mul(images, op.Cast(none, to=7))
    each = op.Range(op.Constant(value_int=0), op.Squeeze(many), op.Constant(value_int=1))
    nothing = op.Expand(number(-1.0), op.Concat(many, whole(6), axis=0))
    rows = op.Concat(rows, op.Concat(as_column(each), nothing, axis=1), axis=0)
    return op.Unsqueeze(rows, whole(0, 1))


def orderly(boxes: Tensor) -> Tensor:
    """Boxes whose second corner is behind the first: others, of no area, suppress nothing."""
    low = boxes[..., :2]
    return torch.cat([low, torch.maximum(boxes[..., 2:], low)], -1)


def apply_deltas(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Boxes (..., 4) in pixels, moved and scaled as R-CNN's bbox_transform_inv does."""
    size = boxes[..., 2:] - boxes[..., :2] + 1
    center = boxes[..., :2] + size / 2 + deltas[..., :2] * size
    half = deltas[..., 2:].exp() * size / 2
    return torch.cat([center - half, center + half], -1)


def shifted_anchors(anchors: Sequence[tuple[float, ...]], stride: int, like: Tensor) -> Tensor:
    """The anchors at every place of a map (n, c, h, w), (h * w * anchors, 4) in pixels."""
    height, width = like.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height) * stride, torch.arange(width) * stride, indexing="ij"
    )
    shift = torch.stack([x, y, x, y], 2).reshape(-1, 1, 4)
    return (shift + torch.tensor(anchors, dtype=torch.float32)).reshape(-1, 4)
