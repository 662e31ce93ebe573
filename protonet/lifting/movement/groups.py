"""The groups of a Convolution that chooses channels."""

from __future__ import annotations

import math
from collections.abc import Sequence


def grouped(outer: int, inner: int, pairs: Sequence[tuple[int, int]]) -> int:
    """The most groups into which channels fall, from pairs of a channel after and one before."""
    both = math.gcd(outer, inner)
    sizes = (n for n in range(both, 0, -1) if both % n == 0)
    return next(n for n in sizes if all(o // (outer // n) == c // (inner // n) for o, c in pairs))
