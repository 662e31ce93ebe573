"""The boxes that a detector found, in pixels of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protonet.arrays import Array
from protonet.data.classification import Sight
from protonet.shape import Shape


@dataclass(frozen=True)
class Found:
    """One box: the class, its score, and its corners in pixels of the image."""

    label: int
    score: float
    left: float
    top: float
    right: float
    bottom: float


def found_boxes(rows: Array, seen: Sight, size: Shape) -> list[Found]:
    """Rows of image, label, score and corners, those from 0 to 1 of what the net saw, best first.

    What is behind the corners, such as landmarks, is left out.

    ``seen`` is that part of an image of ``size``, (height, width). Corners are brought inside the
    image; rows that say that nothing was found are none.
    """
    high, wide = size[:2]
    found = []
    for _, label, score, *corners in rows.reshape(-1, rows.shape[-1])[:, :7].tolist():
        if label < 0:
            continue
        x, y = (seen.left + c * seen.width for c in corners[::2]), corners[1::2]
        left, right = (min(max(v, 0.0), float(wide)) for v in x)
        top, bottom = (min(max(seen.top + c * seen.height, 0.0), float(high)) for c in y)
        found.append(Found(int(label), score, left, top, right, bottom))
    return sorted(found, key=lambda box: -box.score)


def split_at(boxes: Sequence[Found], threshold: float) -> tuple[list[Found], list[Found]]:
    """The boxes of at least a score, and the others."""
    kept = [box for box in boxes if box.score >= threshold]
    return kept, [box for box in boxes if box.score < threshold]
