"""Losses that a layer in place overwrites, kept as they were for the objective."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from protonet.graph import Graph, Value
from protonet.lowering.lower import taken
from protonet.program.expr import Name
from protonet.program.program import Free, Program, Statement


def keep(
    program: Program, graph: Graph, values: Iterable[Value]
) -> tuple[Program, dict[Value, Name]]:
    """Give values whose variables are set anew later variables of their own; which, by value.

    A value whose statement is a later layer's as well stands in its blob's variable to the end.
    """
    last = {s.origin: i for i, s in enumerate(program.main.statements)}
    names = taken(program)
    behind: dict[int, list[Statement]] = {}
    kept: dict[Value, Name] = {}
    for value in values:
        index = last.get(value.producer.origin)
        if index is not None and graph.blobs.get(value.blob) is not value:
            variable = program.variables[value.blob]
            kept[value] = Name(names.free(f"{variable}_loss"))
            statement = Statement(kept[value].name, Name(variable), value.producer.origin)
            behind.setdefault(index, []).append(statement)
    made: list[Statement | Free] = []
    for index, one in enumerate(program.main.statements):
        made += [one, *behind.get(index, ())]
    return replace(program, classes=(replace(program.main, statements=tuple(made)),)), kept
