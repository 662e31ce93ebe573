"""The five points of a face: eyes, nose and corners of the mouth, as the image is cut."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Floats
from protonet.data.detection.resizing import Resize
from protonet.schema.pool import Message

POINTS = 10  # x and y of each
NAMES = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


def points_of(annotations: list[Message]) -> Floats | None:
    """The points (n, 10) of Annotation messages, NaN for none; None where none has any.

    ValueError where one says that it has them, and has not. Source: TransformAnnotation of
    yuqj1991's caffe_train.
    """
    if not any(one.has_lm > 0 for one in annotations):
        return None
    found = np.full((len(annotations), POINTS), np.nan, np.float32)
    for number, one in enumerate(annotations):
        if one.has_lm <= 0:
            continue
        if one.has_lm != 1:
            raise ValueError(f"the has_lm of its box {number} is {one.has_lm}, not 0 or 1")
        marks = [getattr(one.face_lm, name) for name in NAMES]
        found[number] = [value for mark in marks for value in (mark.x, mark.y)]
        if not found[number, 2] > 0 or not np.isfinite(found[number]).all():
            shown = ", ".join(f"{value:g}" for value in found[number])
            raise ValueError(f"its box {number} has no landmarks in the image: {shown}")
    return found


def cut(
    points: Floats | None,
    window: Floats,
    mirror: bool,
    resize: Resize | None,
    size: tuple[int, int],
) -> Floats | None:
    """The points in parts of a window of the image; NaN for all of a box where one is outside.

    As in the fork those of the left stay those of the left as the image is mirrored.
    Source: ProjectfacemarksBBox, TransformAnnotation of yuqj1991's caffe_train.
    """
    if points is None:
        return None
    pairs = points.reshape(-1, POINTS // 2, 2)
    if resize is not None and not np.isnan(points).all():
        pairs = resize.points(pairs, *size)
    inside = (pairs > window[:2]) & (pairs < window[2:])
    moved = ((pairs - window[:2]) / (window[2:] - window[:2])).astype(np.float32)
    inside &= (moved > 0) & (moved <= 1)
    if mirror:
        moved[..., 0] = 1 - moved[..., 0]
    whole = inside.reshape(-1, POINTS).all(1, keepdims=True)
    kept: Floats = np.where(whole, moved.reshape(-1, POINTS), np.float32(np.nan))
    return kept
