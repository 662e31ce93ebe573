"""Python expressions as values that print themselves, with no parenthesis too many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from protonet.program.literal import quoted, single, to_single
from protonet.program.parts import changed_parts, parts_of

ATOM, POWER, UNARY, TIMES, PLUS, COMPARE = 9, 8, 7, 6, 5, 4


class Expr:
    """An expression. Operators, calls, attributes and indices build larger ones."""

    strength = ATOM
    inner: ClassVar[tuple[str, ...]] = ()  # the attributes that hold expressions

    def text(self) -> str:
        """The expression on one line."""
        raise AssertionError(f"{type(self).__name__} prints nothing")

    def reads(self) -> tuple[str, ...]:
        """The variables inside, in their order, each as often as it stands there."""
        found: tuple[str, ...] | None = vars(self).get("_reads")
        if found is None:
            parts = (part for name in self.inner for part in parts_of(vars(self)[name]))
            found = tuple(name for part in parts for name in part.reads())
            vars(self)["_reads"] = found
        return found

    def changed(self, change: Callable[[Expr], Expr]) -> Expr:
        """A copy in which every part, children first, is what ``change`` makes of it."""
        own = vars(self)

        def change_inside(part: Expr) -> Expr:
            return part.changed(change)

        new = {name: changed_parts(own[name], change_inside) for name in self.inner}
        if all(new[name] is own[name] for name in new):
            return change(self)
        made = object.__new__(type(self))
        vars(made).update({**own, **new})
        vars(made).pop("_reads", None)
        return change(made)

    def within(self, strength: int) -> str:
        """The text, in parentheses where a context of that strength asks for them."""
        return self.text() if self.strength >= strength else f"({self.text()})"

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("__"):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Expr:
        return Call(self, args, kwargs)

    def __getitem__(self, index: Any) -> Expr:
        return Index(self, index if isinstance(index, tuple) else (index,))

    def __iter__(self) -> Iterator[Expr]:
        raise TypeError("an expression has no items to go through")

    def __add__(self, other: Any) -> Expr:
        return Binary("+", PLUS, self, wrap(other))

    def __radd__(self, other: Any) -> Expr:
        return Binary("+", PLUS, wrap(other), self)

    def __sub__(self, other: Any) -> Expr:
        return Binary("-", PLUS, self, wrap(other))

    def __rsub__(self, other: Any) -> Expr:
        return Binary("-", PLUS, wrap(other), self)

    def __mul__(self, other: Any) -> Expr:
        return Binary("*", TIMES, self, wrap(other))

    def __rmul__(self, other: Any) -> Expr:
        return Binary("*", TIMES, wrap(other), self)

    def __truediv__(self, other: Any) -> Expr:
        return Binary("/", TIMES, self, wrap(other))

    def __rtruediv__(self, other: Any) -> Expr:
        return Binary("/", TIMES, wrap(other), self)

    def __floordiv__(self, other: Any) -> Expr:
        return Binary("//", TIMES, self, wrap(other))

    def __pow__(self, other: Any) -> Expr:
        return Binary("**", POWER, self, wrap(other))

    def __gt__(self, other: Any) -> Expr:
        return Binary(">", COMPARE, self, wrap(other))

    def __lt__(self, other: Any) -> Expr:
        return Binary("<", COMPARE, self, wrap(other))

    def __ge__(self, other: Any) -> Expr:
        return Binary(">=", COMPARE, self, wrap(other))

    def __eq__(self, other: object) -> Any:
        return Binary("==", COMPARE, self, wrap(other))

    def __ne__(self, other: object) -> Any:
        return Binary("!=", COMPARE, self, wrap(other))

    __hash__ = object.__hash__

    def __neg__(self) -> Expr:
        return Unary("-", self)


def wrap(value: Any) -> Expr:
    """The value as an expression; tuples and lists may hold expressions."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, tuple | list):
        return Sequence("()" if isinstance(value, tuple) else "[]", tuple(wrap(v) for v in value))
    if isinstance(value, slice):
        return Slice(value)
    return Literal(value)


class Name(Expr):
    """A variable."""

    def __init__(self, name: str) -> None:
        self.name = name

    def text(self) -> str:
        return self.name

    def reads(self) -> tuple[str, ...]:
        return (self.name,)


class Ref(Expr):
    """A name of torch's, such as nn.Conv2d, spelled without importing torch."""

    def __init__(self, path: str) -> None:
        self.path = path

    def text(self) -> str:
        return self.path

    def __getattr__(self, name: str) -> Ref:
        if name.startswith("__"):
            raise AttributeError(name)
        return Ref(f"{self.path}.{name}")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        """Let a helper's class statement name nn.Module; only its source text is ever used."""
        return ()


class Literal(Expr):
    """A number, string, bool or None; a float prints as the shortest single-precision decimal."""

    def __init__(self, value: object) -> None:
        self.value = value
        negative = isinstance(value, int | float) and not isinstance(value, bool) and value < 0
        self.strength = UNARY if negative else ATOM

    def text(self) -> str:
        value = self.value
        if isinstance(value, float):
            if value in (float("inf"), float("-inf")) or math.isnan(value):
                self.strength = ATOM
                return f'float("{value}")'
            return repr(single(value) if to_single(value) == value else value)
        if isinstance(value, str):
            return quoted(value)
        if value is Ellipsis:
            return "..."
        return repr(value)


class Sequence(Expr):
    """A tuple or list display."""

    inner = ("items",)

    def __init__(self, brackets: str, items: tuple[Expr, ...]) -> None:
        self.brackets, self.items = brackets, items

    def text(self) -> str:
        inside = ", ".join(item.text() for item in self.items)
        comma = "," if self.brackets == "()" and len(self.items) == 1 else ""
        return f"{self.brackets[0]}{inside}{comma}{self.brackets[1]}"


class Mapping(Expr):
    """A dict display with string keys."""

    inner = ("items",)

    def __init__(self, items: dict[str, Expr]) -> None:
        self.items = items

    def text(self) -> str:
        return "{" + ", ".join(f"{quoted(k)}: {v.text()}" for k, v in self.items.items()) + "}"


class Attribute(Expr):
    """value.name."""

    inner = ("value",)

    def __init__(self, value: Expr, name: str) -> None:
        self.value, self.name = value, name

    def text(self) -> str:
        return f"{self.value.within(ATOM)}.{self.name}"


class Call(Expr):
    """function(args, key=value)."""

    inner = ("function", "args", "kwargs")

    def __init__(self, function: Expr, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = tuple(wrap(a) for a in args)
        self.kwargs = {k: wrap(v) for k, v in kwargs.items()}

    def parts(self) -> list[str]:
        """The arguments, each as text."""
        return [a.text() for a in self.args] + [f"{k}={v.text()}" for k, v in self.kwargs.items()]

    def text(self) -> str:
        return f"{self.function.within(ATOM)}({', '.join(self.parts())})"


class Slice(Expr):
    """start:stop:step inside an index."""

    inner = ("ends", "step")

    def __init__(self, value: slice) -> None:
        self.ends = tuple(None if v is None else wrap(v) for v in (value.start, value.stop))
        self.step = None if value.step is None else wrap(value.step)

    def text(self) -> str:
        ends = [e for e in self.ends if e is not None]
        simple = all(isinstance(e, Name | Literal) or e.strength == UNARY for e in ends)
        colon = ":" if simple or not ends else " : "
        first, last = ("" if e is None else e.text() for e in self.ends)
        body = f"{first}{colon}{last}".strip() if not simple else f"{first}:{last}"
        return body if self.step is None else f"{body}:{self.step.text()}"


class Index(Expr):
    """value[items]."""

    inner = ("value", "items")

    def __init__(self, value: Expr, items: tuple[Any, ...]) -> None:
        self.value, self.items = value, tuple(wrap(i) for i in items)

    def text(self) -> str:
        return f"{self.value.within(ATOM)}[{', '.join(i.text() for i in self.items)}]"


class Binary(Expr):
    """left operator right."""

    inner = ("left", "right")

    def __init__(self, operator: str, strength: int, left: Expr, right: Expr) -> None:
        self.operator, self.strength, self.left, self.right = operator, strength, left, right

    def text(self) -> str:
        left, right = self.strength, self.strength + 1
        if self.operator == "**":
            left, right = ATOM, UNARY
        simple = all(isinstance(e, Name | Literal | Attribute) for e in (self.left, self.right))
        operator = "**" if self.operator == "**" and simple else f" {self.operator} "
        return f"{self.left.within(left)}{operator}{self.right.within(right)}"


class Unary(Expr):
    """-value."""

    inner = ("value",)
    strength = UNARY

    def __init__(self, operator: str, value: Expr) -> None:
        self.operator, self.value = operator, value

    def text(self) -> str:
        return f"{self.operator}{self.value.within(UNARY)}"
