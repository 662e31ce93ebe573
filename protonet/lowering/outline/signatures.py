"""What constructors take: torch's, those of helpers, and those of the program's own classes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from protonet.program.defaults import signature
from protonet.program.expr import Expr
from protonet.program.program import Class, Program


class Signatures:
    """The parameters of every constructor that a program calls, each with its default."""

    def __init__(self, program: Program) -> None:
        self._helpers: Mapping[str, Callable[..., Any]] = {
            helper.code.__name__: helper.code for helper in program.helpers
        }
        self._known: dict[str, Mapping[str, Expr | None]] = {
            helper.code.__name__: _stated(helper.text)
            for helper in program.helpers
            if helper.text.startswith("def ")
        }
        self._blocks: set[str] = set()

    def add(self, classes: Iterable[Class]) -> None:
        """Know the blocks of a program."""
        for cls in classes:
            self._known[cls.name] = {one.name: one.default for one in cls.parameters}
            self._blocks.add(cls.name)

    def of(self, callee: str) -> Mapping[str, Expr | None]:
        """The parameters in their order; None without a default."""
        if callee not in self._known:
            self._known[callee] = signature(callee, self._helpers.get(callee))
        return self._known[callee]

    def is_helper(self, callee: str) -> bool:
        """Whether a function or class is copied into the program."""
        return callee in self._helpers

    def is_block(self, callee: str) -> bool:
        """Whether a class is the program's own."""
        return callee in self._blocks


def _stated(text: str) -> dict[str, Expr | None]:
    """The parameters of a function as its text has them, which is narrower than its code."""
    (stated,) = ast.parse(text).body
    assert isinstance(stated, ast.FunctionDef)
    return dict.fromkeys(one.arg for one in (*stated.args.args, *stated.args.kwonlyargs))
