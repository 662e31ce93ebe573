"""What a statement is made of, names and numbers apart: statements of one form can become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protonet.lowering.outline.signatures import Signatures
from protonet.program.expr import (
    Attribute,
    Binary,
    Call,
    Expr,
    Literal,
    Name,
    Ref,
    Sequence,
    Unary,
)
from protonet.program.expr import Mapping as Display
from protonet.program.parts import parts_of
from protonet.program.path import attribute_of

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Module:
    """A submodule: what constructs it, and with which arguments by their names."""

    callee: str
    arguments: Mapping[str, Expr]
    is_positional: Mapping[str, bool]

    @property
    def is_depthwise(self) -> bool:
        """Whether a convolution has a group for every channel."""
        groups, channels = (self.arguments.get(name) for name in ("groups", "in_channels"))
        if groups is None or channels is None:
            return False
        return groups.text() == channels.text() != "1"

    def size(self) -> str:
        """The window, "" where there is none."""
        window = self.arguments.get("kernel_size")
        return "" if window is None else window.text()

    def key(self, strict: bool) -> Key:
        """What is equal in modules that differ in numbers alone; windows count if ``strict``."""
        facts = (self.size(), self.is_depthwise) if strict else ()
        bare = (name for name, value in self.arguments.items() if not is_plain(value))
        return (self.callee, *facts, *bare)


def module(call: Expr, signatures: Signatures) -> Module | None:
    """The submodule that a constructor makes; None where an expression is more than a call."""
    if not (isinstance(call, Call) and isinstance(call.function, Ref)):
        return None
    callee = call.function.path
    names = list(signatures.of(callee))
    if len(call.args) > len(names):
        return None
    given = dict(zip(names, call.args, strict=False)) | call.kwargs
    positional = {name: index < len(call.args) for index, name in enumerate(given)}
    return Module(callee, given, positional)


def is_plain(value: Expr) -> bool:
    """Whether an argument is a number, a name or several of them."""
    if isinstance(value, Sequence):
        return all(map(is_plain, value.items))
    inner = value.value if isinstance(value, Unary) else value
    return isinstance(inner, Literal | Name)


@dataclass(frozen=True)
class Form:
    """A statement's form.

    ``key`` is equal for statements that differ in variables, in submodules and in what those are
    constructed with. ``reads`` are variables, ``modules`` attributes, each as often as it stands
    there. ``slots`` are what helpers are called with, by name, where that may differ as well. A
    statement that is ``bound`` reads more of ``self`` than submodules to call.
    """

    key: Key
    reads: tuple[str, ...]
    modules: tuple[str, ...]
    bound: bool
    slots: tuple[tuple[str, Expr], ...] = ()


def form(
    value: Expr, modules: Mapping[str, Module], signatures: Signatures, strict: bool = True
) -> Form:
    """The form of an expression over submodules."""
    found = _Forming(modules, signatures, strict)
    key = found.key(value)
    return Form(key, tuple(found.reads), tuple(found.called), found.bound, tuple(found.slots))


class _Forming:
    def __init__(self, modules: Mapping[str, Module], signatures: Signatures, strict: bool) -> None:
        self.modules, self.signatures, self.strict = modules, signatures, strict
        self.reads: list[str] = []
        self.called: list[str] = []
        self.slots: list[tuple[str, Expr]] = []
        self.bound = False

    def key(self, part: Expr) -> Key:
        if isinstance(part, Name):
            self.reads.append(part.name)
            self.bound |= part.name == "self"
            return ("name",)
        if isinstance(part, Literal):
            return ("literal", part.text())
        if isinstance(part, Ref):
            return ("ref", part.path)
        attribute = attribute_of(part)
        if attribute is not None and attribute in self.modules:
            self.called.append(attribute)
            return ("module", *self.modules[attribute].key(self.strict))
        if isinstance(part, Call) and isinstance(part.function, Ref) and self.slotted(part):
            return self.helper(part, part.function.path)
        inner = reversed(part.inner) if isinstance(part, Call) else part.inner  # as it is run
        inside = [self.key(one) for name in inner for one in parts_of(vars(part)[name])]
        return (type(part).__name__, _own(part), *inside)

    def slotted(self, part: Call) -> bool:
        """Whether a call is of a helper, whose numbers may differ from use to use."""
        assert isinstance(part.function, Ref)
        return self.signatures.is_helper(part.function.path)

    def helper(self, part: Call, path: str) -> Key:
        """The key of a helper's call; what it is given beside values are slots."""
        names = list(self.signatures.of(path))
        given = [*zip(names, part.args, strict=False), *part.kwargs.items()]
        inside: list[Any] = []
        for name, value in given:
            if is_constant(value):
                self.slots.append((name, value))
                inside.append((name, "slot"))
            else:
                inside.append((name, self.key(value)))
        return ("helper", path, *inside)


def is_constant(value: Expr) -> bool:
    """Whether an argument is a number or several of them, nested as deep as may be."""
    if isinstance(value, Sequence):
        return all(map(is_constant, value.items))
    inner = value.value if isinstance(value, Unary) else value
    return isinstance(inner, Literal)


def _own(part: Expr) -> str | tuple[str, ...]:
    """What an expression has beside its parts."""
    if isinstance(part, Binary):
        return part.operator
    if isinstance(part, Attribute):
        return part.name
    if isinstance(part, Sequence):
        return part.brackets
    if isinstance(part, Call):
        return (str(len(part.args)), *part.kwargs)
    return tuple(part.items) if isinstance(part, Display) else ""
