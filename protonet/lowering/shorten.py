"""A statement too long for a line, in two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protonet.graph import Graph
from protonet.lowering.lower import taken
from protonet.program.expr import Attribute, Binary, Call, Expr, Name
from protonet.program.layout import WIDTH
from protonet.program.names import Names
from protonet.program.program import Free, Program, Statement


def shorten(program: Program, graph: Graph) -> Program:
    """Name a part of what does not fit on a line.

    It is the call at the left of an operator, or the operation that a method is called of.
    """
    statements = program.main.statements
    names = taken(program)
    made = tuple(part for s in statements for part in _shortened(s, names))
    return replace(program, classes=(replace(program.main, statements=made),))


def _shortened(statement: Statement | Free, names: Names) -> Iterator[Statement | Free]:
    if isinstance(statement, Statement):
        target, value = statement.target, statement.value
        too_long = len(f"        {target} = {value.text()}") > WIDTH
        inner = _inner(value) if too_long else None
        if inner is not None:
            part = names.free(f"{target}_part")
            yield from _shortened(replace(statement, target=part, value=inner), names)
            statement = replace(statement, value=_around(value, Name(part)))
    yield statement


def _inner(value: Expr) -> Expr | None:
    """The part of an expression that takes a name; None where it has none such."""
    if isinstance(value, Binary):
        return value.left if isinstance(value.left, Call) else None
    function = value.function if isinstance(value, Call) else None
    if isinstance(function, Attribute) and isinstance(function.value, Binary):
        return function.value
    return None


def _around(value: Expr, part: Expr) -> Expr:
    """The expression with another in the place of that part."""
    if isinstance(value, Binary):
        return Binary(value.operator, value.strength, part, value.right)
    assert isinstance(value, Call)
    assert isinstance(value.function, Attribute)
    return Call(Attribute(part, value.function.name), value.args, value.kwargs)
