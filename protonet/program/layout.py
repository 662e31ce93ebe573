"""Statements on lines of at most 88 columns, broken where the formatter would break them."""

from __future__ import annotations

from collections.abc import Callable

from protonet.program.compound import Comprehension, Conditional, Star
from protonet.program.expr import (
    Attribute,
    Binary,
    Call,
    Expr,
    Index,
    Mapping,
    Name,
    Ref,
    Sequence,
)
from protonet.program.literal import quoted

WIDTH = 88


def statement(prefix: str, value: Expr, indent: int, suffix: str = "") -> list[str]:
    """The lines of ``prefix`` followed by an expression, such as ``self.conv1 = `` and a call."""
    return _fit(prefix, value, suffix, indent)


def _fit(prefix: str, value: Expr, suffix: str, indent: int) -> list[str]:
    space = " " * indent
    flat = f"{space}{prefix}{value.text()}{suffix}"
    if len(flat) <= WIDTH:
        return [flat]
    for kind, broken in _BROKEN:
        if isinstance(value, kind):
            return broken(prefix, value, suffix, indent)
    return [flat]


def _display(prefix: str, value: Mapping | Sequence, suffix: str, indent: int) -> list[str]:
    space = " " * indent
    ends = "{}" if isinstance(value, Mapping) else value.brackets
    return [f"{space}{prefix}{ends[0]}", *_items(value, indent + 4), f"{space}{ends[1]}{suffix}"]


def _star(prefix: str, value: Star, suffix: str, indent: int) -> list[str]:
    return _fit(f"{prefix}*", value.value, suffix, indent)


def _comprehension(prefix: str, value: Comprehension, suffix: str, indent: int) -> list[str]:
    space, inner = " " * indent, " " * (indent + 4)
    made = _fit("", value.element, "", indent + 4)
    return [f"{space}{prefix}(", *made, f"{inner}{value.clauses()[1]}", f"{space}){suffix}"]


def _conditional(prefix: str, value: Conditional, suffix: str, indent: int) -> list[str]:
    """A choice in parentheses: on one line where it fits, else a line for each part."""
    space, inner = " " * indent, " " * (indent + 4)
    lines = [f"{inner}{value.text()}"]
    if len(lines[0]) > WIDTH:
        lines = [
            *_fit("", value.then, "", indent + 4),
            f"{inner}if {value.test.text()}",
            *_fit("else ", value.otherwise, "", indent + 4),
        ]
    return [f"{space}{prefix}(", *lines, f"{space}){suffix}"]


def _index(prefix: str, value: Index, suffix: str, indent: int) -> list[str]:
    """An index, broken inside the call that it takes a part of, else inside its brackets."""
    texts, space = [item.text() for item in value.items], " " * indent
    if isinstance(value.value, Call):
        return _fit(prefix, value.value, f"[{', '.join(texts)}]{suffix}", indent)
    head = f"{space}{prefix}{value.value.text()}["
    return [head, *_list(texts, indent + 4), f"{space}]{suffix}"]


def _list(texts: list[str], indent: int) -> list[str]:
    """Items on one line where they fit, else one a line."""
    together = " " * indent + ", ".join(texts)
    return [together] if len(together) <= WIDTH else [f"{' ' * indent}{t}," for t in texts]


def _call(prefix: str, value: Call, suffix: str, indent: int) -> list[str]:
    space = " " * indent
    if not (value.args or value.kwargs):
        return [f"{space}{prefix}{value.text()}{suffix}"]
    head = f"{space}{prefix}{value.function.text()}("
    inner = value.function.value if isinstance(value.function, Attribute) else None
    if len(head) > WIDTH and isinstance(inner, Call) and _is_first(inner):
        return _call(prefix, inner, f".{_after(value, inner)}{suffix}", indent)
    if len(head) > WIDTH and prefix.endswith("= "):
        return [f"{space}{prefix}(", *_fit("", value, "", indent + 4), f"{space}){suffix}"]
    return [head, *_arguments(value, indent + 4), f"{space}){suffix}"]


def _is_first(call: Call) -> bool:
    """Whether a call has arguments to break, and is not itself a method of what a call gives."""
    function = call.function
    is_method = isinstance(function, Attribute) and not isinstance(function.value, Name | Ref)
    return bool(call.args or call.kwargs) and not is_method


def _after(value: Call, inner: Call) -> str:
    """What stands behind the dot of a method that is called of a call's value."""
    return value.text()[len(inner.text()) + 1 :]


def _items(value: Mapping | Sequence, indent: int) -> list[str]:
    if isinstance(value, Sequence):
        return [line for item in value.items for line in _fit("", item, ",", indent)]
    lines = []
    for key, item in value.items.items():
        lines += _fit(f"{quoted(key)}: ", item, ",", indent)
    return lines


def _arguments(call: Call, indent: int) -> list[str]:
    together = " " * indent + ", ".join(call.parts())
    if len(together) <= WIDTH:
        return [together]
    lines = [line for arg in call.args for line in _fit("", arg, ",", indent)]
    for key, value in call.kwargs.items():
        lines += _fit(f"{key}=", value, ",", indent)
    return lines


def _sum(prefix: str, value: Binary, suffix: str, indent: int) -> list[str]:
    """Break a chain of one operator's strength before every operator."""
    terms: list[tuple[str, Expr]] = []
    left: Expr = value
    while isinstance(left, Binary) and left.strength == value.strength:
        terms.insert(0, (f"{left.operator} ", left.right))
        left = left.left
    terms.insert(0, ("", left))
    space, inner = " " * indent, " " * (indent + 4)
    last = value.right
    if prefix and len(terms) == 2 and isinstance(last, Call) and (last.args or last.kwargs):
        head = f"{prefix}{left.within(value.strength)} {value.operator} "
        if len(f"{space}{head}{last.function.text()}(") <= WIDTH:
            return _call(head, last, suffix, indent)
    if prefix and len(f"{inner}{value.text()}") <= WIDTH:
        return [f"{space}{prefix}(", f"{inner}{value.text()}", f"{space}){suffix}"]
    bare = prefix.endswith(("(", "")) and not prefix
    lines = [
        f"{inner}{operator}{term.within(value.strength + (operator != ''))}"
        for operator, term in terms
    ]
    if bare:
        return [line[4:] for line in lines[:-1]] + [lines[-1][4:] + suffix]
    return [f"{space}{prefix}(", *lines, f"{space}){suffix}"]


_BROKEN: tuple[tuple[type[Expr], Callable[..., list[str]]], ...] = (
    (Call, _call),
    (Mapping, _display),
    (Sequence, _display),
    (Binary, _sum),
    (Index, _index),
    (Star, _star),
    (Comprehension, _comprehension),
    (Conditional, _conditional),
)
