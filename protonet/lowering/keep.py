"""Losses that a layer in place overwrites, kept as they were for the objective."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph, Value
from protonet.graph.objective import terms
from protonet.lowering.lower import RESERVED
from protonet.program.expr import Name
from protonet.program.names import Names
from protonet.program.program import Origins, Program, Statement

_ENDING = "_loss"


def keep(program: Program, graph: Graph) -> Program:
    """Give a value that counts, and whose variable is set anew later, a variable of its own."""
    values = [term.value for node in graph.nodes for term in terms(node)]
    for value in values:
        if graph.blobs.get(value.blob) is not value:
            program = _kept(program, value)
    return program


def _kept(program: Program, value: Value) -> Program:
    variable, made = program.variables[value.blob], list(program.main.statements)
    own = [i for i, s in enumerate(made) if s.origin == value.producer.origin]
    if not own:  # the statement is a later layer's, too
        return program
    targets = (s.target for s in made if isinstance(s, Statement))
    name = Names({*RESERVED, *program.variables.values(), *targets}).free(f"{variable}{_ENDING}")
    made.insert(own[-1] + 1, Statement(name, Name(variable), value.producer.origin))
    return replace(program, classes=(replace(program.main, statements=tuple(made)),))


def counted(program: Program) -> dict[tuple[Origins, str], Name]:
    """The variables that ``keep`` made, by the layer and the variable that each keeps."""
    return {
        (s.origin, s.value.name): Name(s.target)
        for s in program.main.statements
        if isinstance(s, Statement) and isinstance(s.value, Name)
        if s.target.startswith(f"{s.value.name}{_ENDING}")
    }
