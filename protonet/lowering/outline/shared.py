"""Submodules without a state that are alike: one of them serves for all."""

from __future__ import annotations

import re

from protonet.lowering.outline.attributes import Moves, renamed
from protonet.lowering.outline.naming import type_word
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.expr import Call, Expr, Ref
from protonet.program.names import Names, common_start
from protonet.program.program import Class, Submodule

_STATELESS = ("Pool", "Dropout")


def with_shared(cls: Class) -> tuple[Class, Moves]:
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
    return renamed(cls, to)


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
