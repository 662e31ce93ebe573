"""How many bottoms or tops a layer takes, in words."""

from __future__ import annotations


def limit(fewest: int, most: int | None, field: str) -> str:
    """What a layer takes of a field, most None for no limit."""
    if most == fewest:
        return f"it takes exactly {fewest} {field}{'' if fewest == 1 else 's'}"
    if most is None:
        return f"it takes at least {fewest} {field}{'' if fewest == 1 else 's'}"
    return f"it takes {fewest} to {most} {field}s"
