"""The last statement of a forward pass, written into its return."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph
from protonet.program.expr import Expr, Name
from protonet.program.program import Class, Program, Statement


def return_last(program: Program, graph: Graph) -> Program:
    """Return the value of the last statement itself, where that is all that is returned."""
    return replace(program, classes=tuple(map(_shorter, program.classes)))


def _shorter(cls: Class) -> Class:
    """A class without the name of its result; a name for a name goes wherever it is."""
    last = cls.statements[-1] if cls.statements else None
    if not isinstance(last, Statement) or cls.result is None:
        return cls
    name, value = last.target, last.value
    is_all = isinstance(cls.result, Name) and cls.result.name == name
    is_alias = isinstance(value, Name) and cls.result.reads().count(name) == 1
    if not is_all and not is_alias:
        return cls

    def put(part: Expr) -> Expr:
        return value if isinstance(part, Name) and part.name == name else part

    result, origin = cls.result.changed(put), (*cls.result_origin, *last.origin)
    return replace(cls, statements=cls.statements[:-1], result=result, result_origin=origin)
