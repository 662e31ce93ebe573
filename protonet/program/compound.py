"""Expressions that a constructor is written with: unpacking, comprehensions, conditions."""

from __future__ import annotations

from protonet.program.expr import COMPARE, Expr

CHOICE = 1


class Star(Expr):
    """*value."""

    inner = ("value",)
    strength = CHOICE

    def __init__(self, value: Expr) -> None:
        self.value = value

    def text(self) -> str:
        return f"*{self.value.within(COMPARE)}"


class Comprehension(Expr):
    """(element for names in source)."""

    inner = ("element", "source")

    def __init__(self, element: Expr, names: tuple[str, ...], source: Expr) -> None:
        self.element, self.names, self.source = element, names, source

    def reads(self) -> tuple[str, ...]:
        inside = (name for name in self.element.reads() if name not in self.names)
        return (*inside, *self.source.reads())

    def clauses(self) -> tuple[str, str]:
        """What is made, and from what."""
        return self.element.text(), f"for {', '.join(self.names)} in {self.source.text()}"

    def text(self) -> str:
        return f"({' '.join(self.clauses())})"


class Both(Expr):
    """left and right."""

    inner = ("left", "right")
    strength = CHOICE + 1

    def __init__(self, left: Expr, right: Expr) -> None:
        self.left, self.right = left, right

    def text(self) -> str:
        return f"{self.left.within(COMPARE)} and {self.right.within(COMPARE)}"


class Conditional(Expr):
    """then if test else otherwise."""

    inner = ("then", "test", "otherwise")
    strength = CHOICE

    def __init__(self, then: Expr, test: Expr, otherwise: Expr) -> None:
        self.then, self.test, self.otherwise = then, test, otherwise

    def text(self) -> str:
        parts = self.then.text(), self.test.text(), self.otherwise.text()
        return "{} if {} else {}".format(*parts)
