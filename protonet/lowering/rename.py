"""Names that helpers bring with them: what else bears them gets another name."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph
from protonet.lowering.lower import brought, named, taken
from protonet.program.expr import Expr, Name
from protonet.program.program import Free, Program, Statement


def make_room(program: Program, graph: Graph) -> Program:
    """Rename the class and the variables that have the name of a helper or of an import.

    What helpers there are is known when every layer is lowered.
    """
    helpers, blobs = brought(program), set(program.variables.values())
    stated = (s for s in program.main.statements if isinstance(s, Statement))
    own = {target for s in stated for target in s.target.split(", ")} - blobs
    if not helpers & {program.name, *blobs, *own}:
        return program
    name, variables = named(graph, frozenset({*helpers, *own}))
    new = {old: variables[blob] for blob, old in program.variables.items()}
    names = taken(program)
    names.update(variables.values())
    new.update((target, names.free(target)) for target in sorted(own & helpers))

    def renamed(expr: Expr) -> Expr:
        return Name(new.get(expr.name, expr.name)) if isinstance(expr, Name) else expr

    def restated(old: Statement | Free) -> Statement | Free:
        assert isinstance(old, Statement)
        targets = ", ".join(new.get(target, target) for target in old.target.split(", "))
        return replace(old, target=targets, value=old.value.changed(renamed))

    cls = replace(
        program.main,
        name=name,
        arguments=tuple(new[argument] for argument in program.main.arguments),
        statements=tuple(map(restated, program.main.statements)),
    )
    return replace(program, classes=(cls,), variables=variables)
