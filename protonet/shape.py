"""The shape of an array or a tensor: its type, how it is written, its elements."""

from __future__ import annotations

Shape = tuple[int, ...]


def show(shape: Shape) -> str:
    """A shape as people write it: 1x3x224x224."""
    return "x".join(str(n) for n in shape) if shape else "a scalar"


def count(shape: Shape, start: int = 0, stop: int | None = None) -> int:
    """The product of a shape's axes from start up to stop."""
    total = 1
    for n in shape[start:stop]:
        total *= n
    return total
