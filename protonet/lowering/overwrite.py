"""Activations that write over what they read, where nothing else reads it."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph, Node
from protonet.program.expr import Call, Name
from protonet.program.program import Free, Program, Statement

# What gives a tensor of its own that its backward pass does not look at.
_FRESH = ("Convolution", "Deconvolution", "InnerProduct", "BatchNorm", "Scale", "Eltwise")
_SUM = 1


def overwrite(program: Program, graph: Graph) -> Program:
    """Have the ReLUs of a training net work in place on values that they alone read."""
    if not program.training:
        return program
    chosen = {node.origin for node in graph.nodes if node.type == "ReLU" and _is_free(node)}
    result = program.main.result
    given = set(result.reads()) if result is not None else set()

    def changed(one: Statement | Free) -> Statement | Free:
        if not (isinstance(one, Statement) and one.origin in chosen):
            return one
        call = one.value
        if not (isinstance(call, Call) and call.function.text() == "F.relu"):
            return one
        (x,) = call.args
        if not isinstance(x, Name) or (x.name != one.target and x.name in given):
            return one
        return replace(one, value=Call(call.function, call.args, {"inplace": True}))

    cls = replace(program.main, statements=tuple(map(changed, program.main.statements)))
    return replace(program, classes=(*program.classes[:-1], cls))


def _is_free(node: Node) -> bool:
    """Whether a layer alone reads its bottom, and nothing else needs the numbers there."""
    (x,) = node.inputs
    maker = x.producer
    summed = maker.type != "Eltwise" or maker.layer.p.operation == _SUM
    fresh = maker.type in _FRESH and summed and not any(maker.loss_weights)
    return x.uses == 1 and fresh and all(node.propagate_down)
