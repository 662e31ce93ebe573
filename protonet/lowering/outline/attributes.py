"""Submodules of a class under other attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protonet.lowering.outline.paths import PathStep
from protonet.program.expr import Attribute, Expr, Name
from protonet.program.path import attribute_of
from protonet.program.program import Class, Statement, Submodule

Moves = dict[PathStep, list[PathStep]]


def renamed(cls: Class, new: Mapping[str, str]) -> tuple[Class, Moves]:
    """The class with new attributes by the old ones, and where the submodules are then.

    Of several that get one attribute, the first serves for all.
    """
    if not new:
        return cls, {}

    def moved(part: Expr) -> Expr:
        attribute = attribute_of(part)
        return Attribute(Name("self"), new[attribute]) if attribute and attribute in new else part

    made: dict[str, Submodule] = {}
    for part in cls.submodules:
        name = new.get(part.attribute, part.attribute)
        origin = (*made[name].origin, *part.origin) if name in made else part.origin
        made[name] = replace(made.get(name, part), attribute=name, origin=origin)
    statements = tuple(
        replace(s, value=s.value.changed(moved)) if isinstance(s, Statement) else s
        for s in cls.statements
    )
    moves: Moves = {(cls.name, old): [(cls.name, name)] for old, name in new.items()}
    return replace(cls, submodules=tuple(made.values()), statements=statements), moves
