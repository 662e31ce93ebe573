"""Variables that nothing reads, as those under a Silence: gone, or named as such."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph
from protonet.program.expr import Name
from protonet.program.program import Free, Program, Statement

NOBODY = "_"


def unread(program: Program, graph: Graph) -> Program:
    """Drop second names that nobody reads; what is computed for nobody goes to ``_``.

    It is computed all the same: it may draw random numbers, and counts its batches.
    """
    result = program.main.result
    read = set(result.reads()) if result is not None else set()
    made: list[Statement | Free] = []
    for statement in reversed(program.main.statements):
        if isinstance(statement, Free):
            made.append(statement)
            continue
        if statement.target.isidentifier() and statement.target not in read:
            if isinstance(statement.value, Name):
                continue
            statement = replace(statement, target=NOBODY)  # noqa: PLW2901 (the same for nobody)
        read |= set(statement.value.reads())
        made.append(statement)
    main = replace(program.main, statements=tuple(made[::-1]))
    return replace(program, classes=(*program.classes[:-1], main))
