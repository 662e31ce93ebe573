"""Submodules without a state that are alike: one of them serves for all."""

from __future__ import annotations

import re
from dataclasses import replace

from protonet.lowering.outline.naming import type_word
from protonet.lowering.outline.paths import PathStep
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.expr import Attribute, Call, Expr, Name, Ref
from protonet.program.names import Names, common_start
from protonet.program.path import attribute_of
from protonet.program.program import Class, Statement, Submodule

_STATELESS = ("Pool", "Dropout")


def with_shared(cls: Class) -> tuple[Class, dict[PathStep, list[PathStep]]]:
    """The class with one pooling for all of one window, and which attribute is that one."""
    alike: dict[str, list[Submodule]] = {}
    for part in cls.submodules:
        if _is_stateless(part.call):
            alike.setdefault(part.call.text(), []).append(part)
    names = Names({part.attribute for part in cls.submodules} | MODULE_ATTRIBUTES)
    to: dict[str, str] = {}
    for parts in alike.values():
        if len(parts) > 1:
            names.difference_update(part.attribute for part in parts)
            name = names.free(_name(parts))
            to.update((part.attribute, name) for part in parts)
    if not to:
        return cls, {}

    def moved(part: Expr) -> Expr:
        attribute = attribute_of(part)
        return Attribute(Name("self"), to[attribute]) if attribute in to else part

    made: dict[str, Submodule] = {}
    for part in cls.submodules:
        name = to.get(part.attribute, part.attribute)
        origin = (*made[name].origin, *part.origin) if name in made else part.origin
        made[name] = replace(made.get(name, part), attribute=name, origin=origin)
    statements = tuple(
        replace(s, value=s.value.changed(moved)) if isinstance(s, Statement) else s
        for s in cls.statements
    )
    changed = replace(cls, submodules=tuple(made.values()), statements=statements)
    return changed, {(cls.name, old): [(cls.name, new)] for old, new in to.items()}


def _is_stateless(call: Expr) -> bool:
    if not (isinstance(call, Call) and isinstance(call.function, Ref)):
        return False
    path = call.function.path
    return path.startswith("nn.") and any(word in path for word in _STATELESS)


def _name(parts: list[Submodule]) -> str:
    """What the attributes have in common, else what the submodule is."""
    common = common_start(part.attribute for part in parts)
    word = re.sub(r"[\d_]+$", "", common)
    call = parts[0].call
    assert isinstance(call, Call)
    kind = type_word(call.function.text())
    return word if kind in word else kind
