"""Names that helpers bring with them: what else bears them gets another name."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph
from protonet.lowering.lower import named
from protonet.program.expr import Expr, Name
from protonet.program.program import Free, Program, Statement


def make_room(program: Program, graph: Graph) -> Program:
    """Rename the class and the variables of blobs where a helper or an import has their name.

    What helpers there are is known when every layer is lowered.
    """
    helpers = {helper.code.__name__ for helper in program.helpers}
    helpers.update(module.partition(".")[0] for module in program.imports)
    if not helpers & {program.name, *program.variables.values()}:
        return program
    own = {s.target for s in program.main.statements if isinstance(s, Statement)}
    name, variables = named(graph, frozenset({*helpers, *(own - {*program.variables.values()})}))
    new = {old: variables[blob] for blob, old in program.variables.items()}

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
