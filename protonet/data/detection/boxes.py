"""The boxes of an image, and what becomes of them as it is cut, mirrored and resized."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Array, Floats
from protonet.data.detection import landmarks
from protonet.data.detection.landmarks import POINTS
from protonet.data.detection.resizing import Resize
from protonet.schema.pool import Message

WHOLE = np.array([0, 0, 1, 1], np.float32)


@dataclass(frozen=True, eq=False)
class Boxes:
    """The true boxes of an image, in the order of its groups.

    ``corners`` (n, 4) are x1, y1, x2, y2 in parts of the image, ``sizes`` the areas that were noted
    when a box was last cut, NaN for none; the fork goes on with them. ``labels``, ``instances``
    and ``difficult`` are (n,). ``points`` (n, 10) are landmarks, x and y in turn, NaN where a box
    has none; None where no box has.
    """

    labels: NDArray[np.int64]
    instances: NDArray[np.int64]
    corners: Floats
    difficult: NDArray[np.bool_]
    sizes: Floats
    points: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, which: Array) -> Boxes:
        """Those of them that a mask or their places choose."""
        return Boxes(
            self.labels[which],
            self.instances[which],
            self.corners[which],
            self.difficult[which],
            self.sizes[which],
            None if self.points is None else self.points[which],
        )

    def rows(self, image: int, with_landmarks: bool = False) -> Floats:
        """(n, 8): image, label, instance, the corners, difficult; and 11 with landmarks.

        Those are 1 and the points, or 0 and -1 for each. Source: AnnotatedDataLayer.
        """
        first = [np.full(len(self), image), self.labels, self.instances]
        columns = [*first, *self.corners.T, self.difficult]
        if with_landmarks:
            points = np.full((len(self), POINTS), np.nan) if self.points is None else self.points
            has = ~np.isnan(points[:, 0])
            columns += [has, *np.where(has[:, None], points, -1).T]
        return np.stack([np.asarray(column, np.float32) for column in columns], 1)


def no_boxes() -> Boxes:
    """Those of an image that has none."""
    none = np.zeros(0, np.int64)
    return Boxes(none, none, np.zeros((0, 4), np.float32), none > 0, np.zeros(0, np.float32))


def areas(corners: Floats, sizes: Floats | None = None) -> Floats:
    """The areas of boxes (..., 4), 0 of those turned round, or their noted ``sizes``.

    Source: BBoxSize.
    """
    width, height = corners[..., 2] - corners[..., 0], corners[..., 3] - corners[..., 1]
    area = width * height
    if sizes is not None:
        area = np.where(np.isnan(sizes), area, sizes)
    turned = (width < 0) | (height < 0)
    return np.where(turned, np.float32(0), area).astype(np.float32)


def intersections(a: Floats, b: Floats) -> Floats:
    """What boxes share, (..., 4), zeros where that is nothing. Source: IntersectBBox."""
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.concatenate([low, high], -1)
    apart = (low > high).any(-1, keepdims=True)
    return np.where(apart, np.float32(0), shared)


def covered(boxes: Floats, others: Floats, sizes: Floats | None = None) -> Floats:
    """How much of each box the other covers. Source: BBoxCoverage."""
    shared, area = areas(intersections(boxes, others)), areas(boxes, sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(shared > 0, shared / area, np.float32(0))


def overlaps(boxes: Floats, others: Floats, sizes: Floats | None = None) -> Floats:
    """Intersection over union with boxes of noted ``sizes``. Source: JaccardOverlap."""
    shared = intersections(boxes, others)
    width, height = shared[..., 2] - shared[..., 0], shared[..., 3] - shared[..., 1]
    area = width * height
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = area / (areas(boxes) + areas(others, sizes) - area)
    shares = (width > 0) & (height > 0)
    found: Floats = np.where(shares, ratio, np.float32(0)).astype(np.float32)
    return found


def clipped(corners: Floats) -> Floats:
    """Boxes with what lies outside the image cut off. Source: ClipBBox."""
    return np.clip(corners, np.float32(0), np.float32(1))


@dataclass(frozen=True)
class Emit:
    """Which boxes stay as an image is cut: by their centre, or by how much of them is left."""

    by_overlap: bool
    least: np.float32

    @classmethod
    def of(cls, transform: Message) -> Emit | None:
        """From a transform_param; None where it has no emit_constraint."""
        if not transform.HasField("emit_constraint"):
            return None
        p = transform.emit_constraint
        return cls(bool(p.emit_type), np.float32(p.emit_overlap))

    def keeps(self, window: Floats, corners: Floats, sizes: Floats) -> NDArray[np.bool_]:
        """Source: MeetEmitConstraint."""
        if self.by_overlap:
            return np.asarray(covered(corners, window, sizes) > self.least)
        center = (corners[:, :2] + corners[:, 2:]) / np.float32(2)
        inside: NDArray[np.bool_] = ((center >= window[:2]) & (center <= window[2:])).all(1)
        return inside


def cut(
    boxes: Boxes,
    window: Floats,
    emit: Emit | None,
    mirror: bool = False,
    resize: Resize | None = None,
    size: tuple[int, int] = (0, 0),
) -> Boxes:
    """The boxes in parts of a window of the image; those outside go.

    With ``resize`` the image of that ``size``, (height, width), is resized before.
    Source: DataTransformer::TransformAnnotation, ProjectBBox.
    """
    corners = boxes.corners if resize is None else resize.corners(boxes.corners, *size)
    keep = np.ones(len(boxes), np.bool_)
    if emit is not None:
        keep &= emit.keeps(window, corners, boxes.sizes)
    keep &= (corners[:, :2] < window[2:]).all(1) & (corners[:, 2:] > window[:2]).all(1)
    span = np.tile(window[2:] - window[:2], 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = (corners - np.tile(window[:2], 2)) / span
    corners = clipped(moved.astype(np.float32))
    sizes = areas(corners)
    keep &= sizes > 0
    if mirror:
        corners = np.stack([1 - corners[:, 2], corners[:, 1], 1 - corners[:, 0], corners[:, 3]], 1)
    if resize is not None and keep.any():
        corners = resize.extrapolated(corners, window, *size)
    points = landmarks.cut(boxes.points, window, mirror, resize, size)
    return replace(boxes, corners=corners, sizes=sizes, points=points).chosen(keep)
