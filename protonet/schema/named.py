"""Nets and solvers known by a name: where no file has it, a room above this one is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from protonet.diagnostics import Source, nearest, or_none
from protonet.reading import near_files

# The path or the text of what a name means as a message of a kind; None where it means nothing.
Lookup = Callable[[str, str], str | Source | None]
_KNOWN: list[tuple[Lookup, Callable[[], Sequence[str]]]] = []


def named_by(lookup: Lookup, names: Callable[[], Sequence[str]]) -> None:
    """Have names looked up by a function; ``names`` lists those that are worth proposing."""
    _KNOWN[:] = [(lookup, names)]


def by_name(name: str, kind: str) -> str | Source | None:
    """What a name means where no file has it; None where it means nothing either."""
    return _KNOWN[0][0](name, kind) if _KNOWN else None


def known_names() -> Sequence[str]:
    """The names that stand for a net."""
    return _KNOWN[0][1]() if _KNOWN else ()


def nearby(path: str) -> str | None:
    """A hint for a path that is not there: files, and names, that are near it."""
    close = [*near_files(path), *(n for n in nearest(path, known_names()) if n != path)]
    if close or os.sep in path or os.path.splitext(path)[1]:
        return or_none(close[:4])
    return "give a file, or a name that `protonet zoo` lists"


def inside(folder: str) -> str | None:
    """A hint for a folder in a file's place: the definitions in it."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return None
    found = [os.path.join(folder, name) for name in names if name.endswith(".prototxt")]
    return f"give a file in it, such as {found[0]}" if found else None
