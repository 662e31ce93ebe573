"""A layer that works in place, written around the layer before it."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph
from protonet.program.expr import Expr, Name
from protonet.program.layout import WIDTH
from protonet.program.program import Free, Program, Statement

_INDENT = 24  # columns kept for the target and what stands before it


def nest(program: Program, graph: Graph) -> Program:
    """Put a value into the next statement, where that alone reads it and takes its place."""
    made: list[Statement | Free] = []
    for statement in program.main.statements:
        both = _nested(made[-1], statement) if made else None
        if both is None:
            made.append(statement)
        else:
            made[-1] = both
    return replace(program, classes=(replace(program.main, statements=tuple(made)),))


def _nested(first: Statement | Free, second: Statement | Free) -> Statement | None:
    """The two as one; None where they stay apart."""
    if isinstance(first, Free) or isinstance(second, Free) or first.target != second.target:
        return None
    name, inner = first.target, first.value
    if second.value.reads().count(name) != 1:
        return None

    def put(part: Expr) -> Expr:
        return inner if isinstance(part, Name) and part.name == name else part

    value = second.value.changed(put)
    if len(value.text()) + _INDENT > WIDTH:
        return None
    return replace(second, value=value, origin=(*first.origin, *second.origin))
