"""What the forward pass returns, and the objective of a training net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from protonet.graph import Graph
from protonet.program.expr import Expr, Literal, Mapping, Name
from protonet.program.program import Origins, Program, Statement

OBJECTIVE = "objective"
_LONGEST = 50  # terms of one expression: Python reads no sum of any length


def returns(program: Program, graph: Graph, outputs: Sequence[str] | None) -> Program:
    """Return the blobs named, else those that no layer reads; one alone as it is.

    In the TRAIN phase the weighted sum of the losses is beside them.
    """
    variables = program.variables
    losses = _objective(program, graph) if graph.has_loss else []
    if outputs is not None:
        blobs = [blob for blob in outputs if blob != OBJECTIVE or blob in variables]
    else:
        ends = [v for v in graph.outputs if not v.producer.layer.is_data] or graph.outputs
        blobs = [value.blob for value in ends]
    cls = program.main
    cls = replace(cls, statements=(*cls.statements, *losses))
    returned: dict[str, Expr] = {blob: Name(variables[blob]) for blob in blobs}
    alone = outputs is None and not losses and len(blobs) == 1
    more: dict[str, Expr] = {OBJECTIVE: Name(OBJECTIVE)} if losses else {}
    result = returned[blobs[0]] if alone else Mapping({**returned, **more})
    return replace(program, classes=(replace(cls, result=result),))


def _objective(program: Program, graph: Graph) -> list[Statement]:
    """Add up the weighed losses, as Net::ForwardFromTo does, so many in one statement."""
    terms = list(_terms(program, graph))
    made = []
    for start in range(0, len(terms), _LONGEST):
        some = terms[start : start + _LONGEST]
        total, *rest = [Name(OBJECTIVE)] * (start > 0) + [loss for loss, _ in some]
        for loss in rest:
            total = total + loss
        made.append(Statement(OBJECTIVE, total, tuple(o for _, origin in some for o in origin)))
    return made


def _terms(program: Program, graph: Graph) -> Iterator[tuple[Expr, Origins]]:
    """Each loss times its weight, and where it comes from."""
    for node in graph.nodes:
        for value, weight in zip(node.outputs, node.loss_weights, strict=True):
            if weight:
                loss: Expr = Name(program.variables[value.blob])
                loss = loss.sum() if value.shape else loss
                yield (loss if weight == 1 else Literal(weight) * loss), node.origin
