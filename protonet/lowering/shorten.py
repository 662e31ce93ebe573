"""A statement too long for a line, in two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protonet.graph import Graph
from protonet.lowering.lower import taken
from protonet.program.expr import Binary, Call, Name
from protonet.program.layout import WIDTH
from protonet.program.names import Names
from protonet.program.program import Free, Program, Statement


def shorten(program: Program, graph: Graph) -> Program:
    """Give the call at the left of an operator a name, where both do not fit on a line."""
    statements = program.main.statements
    names = taken(program)
    made = tuple(part for s in statements for part in _shortened(s, names))
    return replace(program, classes=(replace(program.main, statements=made),))


def _shortened(statement: Statement | Free, names: Names) -> Iterator[Statement | Free]:
    if isinstance(statement, Statement):
        target, value = statement.target, statement.value
        too_long = len(f"        {target} = {value.text()}") > WIDTH
        if too_long and isinstance(value, Binary) and isinstance(value.left, Call):
            part = names.free(f"{target}_part")
            yield replace(statement, target=part, value=value.left)
            rest = Binary(value.operator, value.strength, Name(part), value.right)
            statement = replace(statement, value=rest)
    yield statement
