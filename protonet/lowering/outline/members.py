"""The members of a block counted again, once some of them are in blocks of their own."""

from __future__ import annotations

import re

from protonet.lowering.outline.attributes import Moves, renamed
from protonet.program.program import Class

_COUNTED = frozenset({"conv", "bn", "pool", "fc", "sepconv", "prelu", "drop", "norm"})


def counted(cls: Class) -> tuple[Class, Moves]:
    """The class with its conv2 and conv5 as conv1 and conv2, and where these were."""
    rows: dict[str, list[str]] = {}
    for part in cls.submodules:
        word = re.sub(r"_?\d+$", "", part.attribute)
        if word in _COUNTED:
            rows.setdefault(word, []).append(part.attribute)
    new: dict[str, str] = {}
    for word, row in rows.items():
        names = [word] if len(row) == 1 else [f"{word}{i}" for i in range(1, len(row) + 1)]
        new.update((old, name) for old, name in zip(row, names, strict=True) if old != name)
    return renamed(cls, new)
