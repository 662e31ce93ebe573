"""What each top counts in the objective, and whether it trains, as Net and InsertSplits have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protonet.graph.graph import Graph, Node, Value


@dataclass(frozen=True)
class Term:
    """A share of the objective: a value times its weight, with a gradient only where it trains."""

    value: Value
    weight: float
    trains: bool = True


def terms(node: Node) -> tuple[Term, ...]:
    """The shares that the tops of a layer have in the objective.

    A weight that is stated goes to the Split of a top that is read; the layer itself loses all of
    its weights then, and a loss counts once more with the weight of 1 that is implied. That weight
    is kept where the gradients of the readers overwrite it: it trains nothing.
    """
    weighed = [(v, w) for v, w in zip(node.outputs, node.loss_weights, strict=True) if w]
    if node.weights_implied:
        return tuple(Term(value, weight, not value.uses) for value, weight in weighed)
    read = tuple(Term(value, weight) for value, weight in weighed if value.uses)
    if not read:
        return tuple(Term(value, weight) for value, weight in weighed)
    if not node.layer.is_loss:
        return read
    return (Term(node.outputs[0], 1.0, trains=False), *read)


def oddities(graph: Graph) -> Iterator[tuple[Node, str]]:
    """Where the objective is not what the weights say, with what Caffe makes of it."""
    for node in graph.nodes:
        weighed = {v for v, w in zip(node.outputs, node.loss_weights, strict=True) if w and v.uses}
        if weighed:
            reader = next(other for other in graph.nodes if weighed.intersection(other.inputs))
            for what in _oddities(node):
                yield node, f"{what}, since layer {reader.name!r} reads {_names(weighed)}"


def _names(values: set[Value]) -> str:
    return ", ".join(sorted(repr(value.blob) for value in values))


def _oddities(node: Node) -> Iterator[str]:
    found = terms(node)
    counted = {term.value for term in found}
    trained = {term.value for term in found if term.trains}
    for value, weight in zip(node.outputs, node.loss_weights, strict=True):
        if weight and value not in counted:
            yield f"the loss_weight of its top {value.blob!r} has no effect"
        elif weight and value not in trained:
            yield "its implied loss_weight counts in the objective, but trains nothing"
    if any(not term.trains and term.value in trained for term in found):
        yield "it counts in the objective once more than its loss_weight says"
