"""What the forward pass returns, and the objective of a training net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protonet.graph import Graph
from protonet.graph.objective import terms
from protonet.lowering.keep import counted
from protonet.program.expr import Expr, Literal, Mapping, Name
from protonet.program.program import Origins, Program, Statement

OBJECTIVE = "objective"


def returns(program: Program, graph: Graph, outputs: Sequence[str] | None) -> Program:
    """Return the blobs named, else those that no layer reads; one alone as it is.

    In the TRAIN phase the weighted sum of the losses is beside them, else where it is named.
    """
    variables = program.variables
    named = OBJECTIVE in (outputs or ()) and OBJECTIVE not in variables
    wanted = graph.has_loss or (named and graph.has_objective)
    total, origin = _objective(program, graph) if wanted else (None, ())
    if outputs is not None:
        blobs = [blob for blob in outputs if blob != OBJECTIVE or blob in variables]
    else:
        ends = [v for v in graph.outputs if not v.producer.layer.is_data] or graph.outputs
        blobs = [value.blob for value in ends]
    cls = program.main
    if total is not None:
        statement = Statement(OBJECTIVE, total, origin)
        cls = replace(cls, statements=(*cls.statements, statement))
    returned: dict[str, Expr] = {blob: Name(variables[blob]) for blob in blobs}
    alone = outputs is None and total is None and len(blobs) == 1
    more: dict[str, Expr] = {} if total is None else {OBJECTIVE: Name(OBJECTIVE)}
    result = returned[blobs[0]] if alone else Mapping({**returned, **more})
    return replace(program, classes=(replace(cls, result=result),))


def _objective(program: Program, graph: Graph) -> tuple[Expr | None, Origins]:
    """The weighted sum of the losses, as Net::ForwardFromTo adds them up."""
    total: Expr | None = None
    origin: Origins = ()
    kept = counted(program)
    for node in graph.nodes:
        for term in terms(node):
            variable = program.variables[term.value.blob]
            loss: Expr = kept.get((node.origin, variable)) or Name(variable)
            loss = loss.sum() if term.value.shape else loss
            loss = loss if term.trains else loss.detach()
            loss = loss if term.weight == 1 else Literal(term.weight) * loss
            total = loss if total is None else total + loss
            origin = (*origin, *node.origin)
    return total, origin
