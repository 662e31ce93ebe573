"""Truth as maps: what a detector should say at each place of a feature map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.truth_crop import TruthCrop

_f = np.float32
_LABEL, _X, _Y, _WIDTH, _HEIGHT, _OVERLAP = range(6)


@dataclass(frozen=True)
class MapField:
    """The size of the boxes that a map's places stand for, and the pixels from one to the next."""

    stride: int
    width: int
    height: int


def overlaps(a: Floats, b: Floats, over_first: bool = False) -> Floats:
    """Intersection over union, or over the first, of boxes (n, 4) and (m, 4) of corners."""
    low = np.maximum(a[:, None, :2], b[:, :2])
    side = np.minimum(a[:, None, 2:], b[:, 2:]) - low
    size, other = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    real = (size.min(1) > 0)[:, None] & (other.min(1) > 0)
    shared = np.where((side > 0).all(2) & real, side.prod(2), _f(0))
    whole = size.prod(1)[:, None] + np.zeros_like(shared)
    if not over_first:
        whole = whole + other.prod(1) - shared
    found: Floats = np.divide(shared, whole, out=np.zeros_like(shared), where=real)
    return found


def ignored(
    crop: TruthCrop, size: tuple[int, int], least: tuple[float, float]
) -> NDArray[np.bool_]:
    """Which boxes do not count: those said so, those around another place, those too small.

    ``least`` is the width and height that they have at least.
    """
    middle = (crop.boxes[:, :2] + crop.boxes[:, 2:]) / 2
    away = (middle < 0) | (middle >= np.array(size[::-1]))
    small = crop.boxes[:, 2:] - crop.boxes[:, :2] + 1 < np.array(least, _f)
    found: NDArray[np.bool_] = (crop.truth.ignored != 0) | away.any(1) | small.any(1)
    return found


def truth_maps(
    crop: TruthCrop,
    size: tuple[int, int],
    fields: list[MapField],
    unseen: NDArray[np.bool_],
    object_from: float,
) -> list[Floats]:
    """A map (6, h, w) for each field: label, middle x, middle y, width, height, overlap.

    A place is an object's that it overlaps by more than ``object_from``; an object without a
    place gets the one at its middle in the map where it has the best. Places outside the image or
    in a region that does not count have an overlap of 1.
    Source: ImageGtDataLayer::load_batch of mscnn.
    """
    maps, best = [], [(_f(0), -1)] * len(crop.boxes)
    times = np.zeros(len(crop.boxes), int)
    for number, field in enumerate(fields):
        made, shared = _map(crop, size, field, unseen, object_from)
        maps.append(made)
        if not shared.size:
            continue
        for box, most in enumerate(shared.max(0)):
            if most > best[box][0]:
                best[box] = most, number
        mine = shared.max(1) > _f(object_from)
        times += np.bincount(shared.argmax(1)[mine], minlength=len(times))
    for lone in np.flatnonzero((times == 0) & ~unseen).tolist():
        most, number = best[lone]
        if most >= _f(0.2):
            _settle(maps[number], fields[number].stride, crop, lone)
    return maps


def _map(
    crop: TruthCrop,
    size: tuple[int, int],
    field: MapField,
    unseen: NDArray[np.bool_],
    object_from: float,
) -> tuple[Floats, Floats]:
    """A field's map, and the overlap of each place that counts with each box."""
    height, width = (_nearest(n / field.stride) for n in size)
    made = np.zeros((6, height, width), np.float32)
    top, left, high, wide = (_nearest(n / field.stride) for n in (*crop.target, *crop.size))
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    counts = (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
    middle = (np.stack([columns, rows], 2) + 0.5) * field.stride
    half = np.array([field.width, field.height]) / 2
    boxes = np.concatenate([middle - half, middle + half], 2).astype(np.float32)
    counts &= (overlaps(boxes.reshape(-1, 4), crop.outside, True).sum(1) < _f(0.4)).reshape(
        height, width
    )
    made[_OVERLAP][~counts] = 1
    shared = overlaps(crop.boxes, boxes[counts]).T
    most = shared.max(1, initial=0)
    made[_OVERLAP][counts] = most
    if not shared.size:
        return made, shared
    owner = shared.argmax(1)
    mine = most > _f(object_from)
    facts = np.zeros((5, len(most)), np.float32)
    label = np.where(unseen, _f(0), crop.truth.labels)
    for row, values in enumerate((label, *_sides(crop.boxes))):
        facts[row, mine] = values[owner[mine]]
    made[:_OVERLAP, counts] = facts
    return made, shared


def _sides(boxes: Floats) -> tuple[Floats, ...]:
    """Middle x, middle y, width and height of boxes."""
    x1, y1, x2, y2 = boxes.T
    return (x1 + x2) / _f(2), (y1 + y2) / _f(2), x2 - x1, y2 - y1


def _settle(made: Floats, stride: int, crop: TruthCrop, box: int) -> None:
    """Give a box the place at its middle, unless another has it."""
    x, y, wide, high = (float(v[box]) for v in _sides(crop.boxes))
    row = min(max(int(np.floor(y / stride)), 0), made.shape[1] - 1)
    column = min(max(int(np.floor(x / stride)), 0), made.shape[2] - 1)
    if made[_LABEL, row, column] <= 0:
        label = crop.truth.labels[box]
        made[:_OVERLAP, row, column] = label, x, y, wide, high


def _nearest(value: float) -> int:
    """The nearest whole number of one that is not negative, halves up."""
    return int(value + 0.5)
