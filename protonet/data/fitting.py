"""Whether an item is as large as the others of its batch."""

from __future__ import annotations


def fit(shape: tuple[int, ...], wanted: tuple[int, ...], what: str = "it") -> None:
    """ValueError where ``what`` has another shape than the batch holds."""
    if shape != wanted:
        shown, held = ("x".join(str(n) for n in size) for size in (shape, wanted))
        raise ValueError(f"{what} gives {shown}, and the batch holds {held}")
