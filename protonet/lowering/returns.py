"""What the forward pass returns, and the objective of a training net."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from protonet.diagnostics import NetError
from protonet.graph import Graph, Value
from protonet.graph.objective import terms
from protonet.lowering.keep import keep
from protonet.program.expr import Expr, Literal, Name
from protonet.program.expr import Mapping as Display
from protonet.program.program import Origins, Program, Statement

OBJECTIVE = "objective"
_LONGEST = 50  # terms of one expression: Python reads no sum of any length


def returns(program: Program, graph: Graph, outputs: Sequence[str] | None) -> Program:
    """Return the blobs named, else those that no layer reads; one alone as it is.

    In the TRAIN phase the weighted sum of the losses is beside them, else where it is named.
    """
    variables = program.variables
    if OBJECTIVE in variables and graph.has_loss:
        what = f"the blob {OBJECTIVE!r} has the name of the weighted sum of the losses"
        raise NetError(what, None, "give it another name")
    named = OBJECTIVE in (outputs or ()) and OBJECTIVE not in variables
    losses: list[Statement] = []
    if graph.has_loss or (named and graph.has_objective):
        program, losses = _with_objective(program, graph)
    if outputs is not None:
        blobs = [blob for blob in outputs if blob != OBJECTIVE or blob in variables]
    else:
        ends = [v for v in graph.outputs if not v.producer.layer.is_data] or graph.outputs
        blobs = [value.blob for value in ends]
    returned: dict[str, Expr] = {blob: Name(variables[blob]) for blob in blobs}
    alone = outputs is None and not losses and len(blobs) == 1
    more: dict[str, Expr] = {OBJECTIVE: Name(OBJECTIVE)} if losses else {}
    result = returned[blobs[0]] if alone else Display({**returned, **more})
    statements = (*program.main.statements, *losses)
    return replace(program, classes=(replace(program.main, statements=statements, result=result),))


def _with_objective(program: Program, graph: Graph) -> tuple[Program, list[Statement]]:
    """Add up the weighed losses, as Net::ForwardFromTo does, so many in one statement."""
    values = (term.value for node in graph.nodes for term in terms(node))
    program, kept = keep(program, graph, values)
    losses = list(_terms(program, graph, kept))
    made = []
    for start in range(0, len(losses), _LONGEST):
        some = losses[start : start + _LONGEST]
        total, *rest = [Name(OBJECTIVE)] * (start > 0) + [loss for loss, _ in some]
        for loss in rest:
            total = total + loss
        made.append(Statement(OBJECTIVE, total, tuple(o for _, origin in some for o in origin)))
    return program, made


def _terms(
    program: Program, graph: Graph, kept: Mapping[Value, Name]
) -> Iterator[tuple[Expr, Origins]]:
    """Each loss times its weight, and where it comes from."""
    for node in graph.nodes:
        for term in terms(node):
            loss: Expr = kept.get(term.value) or Name(program.variables[term.value.blob])
            loss = loss.sum() if term.value.shape else loss
            loss = loss if term.trains else loss.detach()
            yield (loss if term.weight == 1 else Literal(term.weight) * loss), node.origin
