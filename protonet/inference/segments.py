"""The class of each place of an image, and the share that each class has of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array
from protonet.inference.kinds import Meaning


@dataclass(frozen=True)
class Portion:
    """A class and its part of what the net saw, 0 to 1."""

    label: int
    share: float


def place_classes(rows: Array, meaning: Meaning) -> Array:
    """The class of each place, (h, w), of (classes, h, w) scores or (1, h, w) classes."""
    if meaning.kind == "scores":
        rows = rows.argmax(0, keepdims=True)
    places: Array = rows[0].astype(np.int64)
    return places


def shares(places: Array) -> list[Portion]:
    """The classes that are there, the largest first."""
    labels, counts = np.unique(places, return_counts=True)
    found = [Portion(int(n), float(c / places.size)) for n, c in zip(labels, counts, strict=True)]
    return sorted(found, key=lambda one: -one.share)
