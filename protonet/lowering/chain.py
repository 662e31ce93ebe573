"""Values in another shape, written into the one statement that reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from protonet.graph import Graph
from protonet.program.expr import Attribute, Call, Expr, Index, Literal, Name, Ref
from protonet.program.layout import WIDTH
from protonet.program.program import Free, Program, Statement

_VIEWS = {"permute", "flatten", "reshape", "squeeze", "unsqueeze", "movedim", "unflatten", "t"}
_VIEWS |= {"detach", "long"}
_POINTWISE = {"F.softmax", "F.relu", "torch.sigmoid"}


def chain(program: Program, graph: Graph, width: int = WIDTH) -> Program:
    """Join a short view with the next statement, where that alone reads it: x.permute().flatten().

    A line is no longer than a ``width``. What a person gives a line of its own keeps it:
    convolutions, poolings, sums, losses.
    """
    statements = tuple(_flat_means(program))
    reads = Counter(n for s in statements if isinstance(s, Statement) for n in s.value.reads())
    reads.update(program.main.result.reads() if program.main.result is not None else ())
    sets = Counter(s.target for s in statements if isinstance(s, Statement))
    alone = {name for name, count in sets.items() if count == 1 and reads[name] == 1}
    made: list[Statement | Free] = []
    for one in statements:
        made.append(one)
        while len(made) > 1 and (joined := _joined(made[-2], made[-1], alone, width)):
            made[-2:] = joined
            if len(joined) > 1:
                break
    cls = replace(program.main, statements=tuple(made))
    return replace(program, classes=(*program.classes[:-1], cls))


def _joined(
    first: Statement | Free, second: Statement | Free, alone: set[str], width: int
) -> list[Statement]:
    """The two as one, or shorter; nothing where they stay as they are."""
    if isinstance(first, Free) or isinstance(second, Free) or first.target not in alone:
        return []
    name = first.target
    if name not in second.value.reads():
        return []
    place = _place(second.value, name)
    if not place or not _is_view(first.value, softmax=place == "chain"):
        return []
    value = second.value.changed(lambda part: first.value if _is(part, name) else part)
    if len(f"        {second.target} = {value.text()}") > width:
        return []
    return [replace(second, value=value, origin=(*first.origin, *second.origin))]


def _is(part: Expr, name: str) -> bool:
    return isinstance(part, Name) and part.name == name


def _is_view(value: Expr, softmax: bool) -> bool:
    """Whether an expression is a variable under another shape; with softmax, its softmax."""
    if isinstance(value, Call) and isinstance(value.function, Ref):
        inside = value.args[:1] if softmax and value.function.path in _POINTWISE else ()
        return any(isinstance(part, Name) or _is_view(part, False) for part in inside)
    depth = 0
    while not isinstance(value, Name):
        inner = _inner(value)
        if inner is None:
            return False
        value, depth = inner, depth + 1
    return depth > 0


def _inner(value: Expr) -> Expr | None:
    """What a view is of: x in x.flatten(1) or x[0]; None for another expression."""
    if isinstance(value, Index):
        return value.value if all(isinstance(item, Literal) for item in value.items) else None
    function = value.function if isinstance(value, Call) else None
    if isinstance(function, Attribute) and function.name in _VIEWS:
        return function.value
    return None


def _place(value: Expr, name: str) -> str:
    """How an expression reads a variable: in a "chain" of methods, in a "call"; else ""."""
    if _is_view_of(value, name):
        return "chain"
    if not (isinstance(value, Call) and len(value.args) == 1):
        return ""
    function = value.function
    of_torch = isinstance(function, Ref) and function.path in _POINTWISE
    is_module = isinstance(function, Attribute) and _is(function.value, "self")
    inside = _place(value.args[0], name) if of_torch or is_module else ""
    return "call" if inside or ((of_torch or is_module) and _is(value.args[0], name)) else ""


def _is_view_of(value: Expr, name: str) -> bool:
    inner = _inner(value)
    return inner is not None and (_is(inner, name) or _is_view_of(inner, name))


def _flat_means(program: Program) -> Iterator[Statement | Free]:
    """The statements, with means over an image as (n, c) where all that reads them flattens."""
    stated = [s for s in program.main.statements if isinstance(s, Statement)]
    means = {s.target for s in stated if _mean(s.value) is not None}
    flat = Counter(name for s in stated for name in _flattened(s.value))
    reads = Counter(name for s in stated for name in s.value.reads())
    reads.update(program.main.result.reads() if program.main.result is not None else ())
    sets = Counter(target for s in stated for target in s.target.split(", "))
    means = {n for n in means if reads[n] == flat[n] > 0 and sets[n] == 1}
    for one in program.main.statements:
        if isinstance(one, Statement) and means:
            mean = _mean(one.value) if one.target in means else None
            value = mean or one.value.changed(lambda part: _unflattened(part, means))
            yield replace(one, value=value)
        else:
            yield one


def _mean(value: Expr) -> Expr | None:
    """The mean over an image as (n, c), of one as (n, c, 1, 1); None for another expression."""
    if not (isinstance(value, Call) and isinstance(value.function, Attribute)):
        return None
    if value.function.name != "mean" or [arg.text() for arg in value.args] != ["(2, 3)"]:
        return None
    return Call(value.function, value.args, {}) if value.kwargs else None


def _flattened(value: Expr) -> list[str]:
    """The variables that an expression takes as ``variable.flatten(1)``."""
    found: list[str] = []

    def look(part: Expr) -> Expr:
        name = _of_flatten(part)
        found.extend(() if name is None else (name.name,))
        return part

    value.changed(look)
    return found


def _of_flatten(part: Expr) -> Name | None:
    """The variable in ``variable.flatten(1)``, of such an expression."""
    if not (isinstance(part, Call) and isinstance(part.function, Attribute)):
        return None
    flattens = part.function.name == "flatten" and [arg.text() for arg in part.args] == ["1"]
    inner = part.function.value
    return inner if flattens and isinstance(inner, Name) else None


def _unflattened(part: Expr, means: set[str]) -> Expr:
    """The variable itself for its ``flatten(1)``."""
    name = _of_flatten(part)
    return part if name is None or name.name not in means else name
