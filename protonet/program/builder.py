"""What a layer lowers into: submodules, helper code and statements."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from protonet.program.expr import Attribute, Call, Expr, Name, Ref, wrap
from protonet.program.names import Names
from protonet.shape import Shape


class Builder:
    """Collects one node's part of a program.

    ``attribute`` is the name under which the node's submodule stands; ``bottoms`` and ``tops``
    are the shapes of its inputs and outputs; ``helpers`` are classes and functions to copy,
    ``imports`` modules to import, ``names`` the variables that there are.
    """

    def __init__(self, attribute: str, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> None:
        self.attribute = attribute
        self.bottoms = bottoms
        self.tops = tops
        self.submodule: Call | None = None
        self.helpers: list[Callable[..., Any]] = []
        self.statements: list[tuple[str, Expr]] = []
        self.imports: list[str] = []
        self.names = Names()

    def module(self, cls: Any, *args: Any, **kwargs: Any) -> Expr:
        """Record the node's submodule ``cls(*args, **kwargs)`` and return ``self.attribute``."""
        assert self.submodule is None, "a layer has one submodule; write a helper for more"
        self.submodule = Call(
            self._callee(cls),
            tuple(_short(a) for a in args),
            {k: _short(v) for k, v in kwargs.items()},
        )
        return Attribute(Name("self"), self.attribute)

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Expr:
        """Call a function of torch's or a helper of the layer's file."""
        return Call(self._callee(function), args, kwargs)

    def let(self, name: str, value: Any) -> Name:
        """Give a value that is used more than once, or has several parts, a name of its own."""
        variable = Name(self.names.free(f"{self.attribute}_{name}"))
        self.statements.append((variable.name, wrap(value)))
        return variable

    def parameter(self, blob: str) -> Expr:
        """A parameter of the node's submodule, such as ``self.conv1.weight``."""
        return Attribute(Attribute(Name("self"), self.attribute), blob)

    def helper(self, helper: Callable[..., Any]) -> None:
        """Copy one more class or function into the program (what another helper uses)."""
        if helper not in self.helpers:
            self.helpers.append(helper)

    def _callee(self, callee: Any) -> Expr:
        if isinstance(callee, Expr):
            return callee
        if inspect.isclass(callee) or inspect.isfunction(callee):
            self.helper(callee)
            return Ref(callee.__name__)
        raise AssertionError(f"{callee!r} is neither torch's nor a helper")


def _short(value: Any) -> Any:
    """(3, 3) as 3: torch's windows take one number for all axes."""
    if isinstance(value, tuple) and value and all(type(v) is int and v == value[0] for v in value):
        return value[0]
    return value
