"""What a notebook shows of a net: the drawing, by a room above this one, which says so here."""

from __future__ import annotations

from collections.abc import Callable

Draw = Callable[[bytes], str | None]
_DRAWS: list[Draw] = []


def drawn_by(draw: Draw) -> None:
    """Have nets shown by a function from a binary NetParameter to an SVG; None shows nothing."""
    _DRAWS[:] = [draw]


def picture(definition: bytes) -> str | None:
    """The picture of a net's definition, where something draws."""
    return _DRAWS[0](definition) if _DRAWS else None
