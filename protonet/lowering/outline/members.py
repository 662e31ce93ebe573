"""The members of a block counted again, once some of them are in blocks of their own."""

from __future__ import annotations

import re
from dataclasses import replace

from protonet.lowering.outline.paths import PathStep
from protonet.program.expr import Attribute, Expr, Name
from protonet.program.path import attribute_of
from protonet.program.program import Class, Statement

_COUNTED = frozenset({"conv", "bn", "pool", "fc", "sepconv", "prelu", "drop", "norm"})


def counted(cls: Class) -> tuple[Class, dict[PathStep, list[PathStep]]]:
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
    if not new:
        return cls, {}

    def renamed(part: Expr) -> Expr:
        attribute = attribute_of(part)
        return Attribute(Name("self"), new[attribute]) if attribute in new else part

    parts = (replace(p, attribute=new.get(p.attribute, p.attribute)) for p in cls.submodules)
    statements = tuple(
        replace(s, value=s.value.changed(renamed)) if isinstance(s, Statement) else s
        for s in cls.statements
    )
    moves = {(cls.name, old): [(cls.name, name)] for old, name in new.items()}
    return replace(cls, submodules=tuple(parts), statements=statements), moves
