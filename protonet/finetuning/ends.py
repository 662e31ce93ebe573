"""Where a net ends: the layers that say the classes, which other classes need anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protonet.diagnostics import NetError, did_you_mean, proposed
from protonet.graph import Graph, Node, Value

_WEIGHING = ("InnerProduct", "Convolution")
_DECIDING = ("Softmax", "Sigmoid", "ArgMax", "Silence")  # what follows a score, not a part of it
_LOSSES = ("SoftmaxWithLoss", "MultinomialLogisticLoss", "HingeLoss")
_LAST = "name the layers that say the classes: --last LAYER"


@dataclass(frozen=True)
class End:
    """A score of the classes: its blob, and the layers whose parameters go by how many there are.

    The first of ``layers`` weighs features, the others, if any, scale what comes of it. ``loss`` is
    the layer that trains it and ``weight`` that of the loss.
    """

    scores: Value
    layers: tuple[Node, ...]
    loss: Node | None = None
    weight: float = 1.0


def ends(graph: Graph, last: Sequence[str] = ()) -> list[End]:
    """The ends of a net, the one that counts most as the last.

    Those of its losses; without a loss that of its one output. ``last`` names the layers that weigh
    instead. NetError where a net has no such end.
    """
    losses = [node for node in graph.nodes if any(node.loss_weights)]
    found = [_of_loss(node) for node in losses] if losses else [_of_output(graph, last)]
    weighing = [end.layers[0].name for end in found]
    for name in last:
        if name not in weighing:
            hint = did_you_mean(name, weighing) or f"what says classes is {', '.join(weighing)}"
            raise NetError(f"the net does not end in a layer {name!r}", None, hint)
    return sorted((e for e in found if not last or e.layers[0].name in last), key=_weight)


def _weight(end: End) -> float:
    return end.weight


def _of_loss(node: Node) -> End:
    if node.type not in _LOSSES:
        what = f"layer {node.name!r} ({node.type}) is no loss of classes"
        hint = f"a net with class folders is trained by {', '.join(_LOSSES)}; give the deploy net"
        raise NetError(what, node.span, hint)
    return _end(node.inputs[0], node, next(w for w in node.loss_weights if w))


def _of_output(graph: Graph, last: Sequence[str]) -> End:
    outputs = [value for value in graph.outputs if not value.producer.layer.is_data]
    found = [_end(value) for value in outputs] if last else []
    chosen = [end for end in found if end.layers[0].name in last]
    if len(outputs) != 1 and len(chosen) != 1:
        names = ", ".join(value.blob for value in outputs) or "none"
        raise NetError(
            f"the net has the outputs {names}, and one that says classes is", None, _LAST
        )
    return chosen[0] if chosen else _end(outputs[0])


def _end(value: Value, loss: Node | None = None, weight: float = 1.0) -> End:
    """Walk back from an output or a loss to the layer that weighs features."""
    scores, layers, node = value, [], value.producer
    while node.type not in _WEIGHING or not node.params:
        if node.type in _DECIDING:
            scores = node.inputs[0]
        elif node.params:
            layers.append(node)
        if len(node.inputs) != 1:
            what = f"between {value.blob!r} and the features stands layer {node.name!r}"
            what += (
                f" ({node.type}) with {len(node.inputs)} bottoms: no last layer says the classes"
            )
            raise NetError(what, node.span, "a net that classifies whole images can be fine-tuned")
        node = node.inputs[0].producer
    return End(scores, (node, *reversed(layers)), loss, weight)


def above(values: Iterable[Value]) -> set[Node]:
    """The layers that values are computed by."""
    waiting = [value.producer for value in values]
    found: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [value.producer for value in node.inputs]
    return found


def frozen(graph: Graph, blob: str, found: Sequence[End]) -> set[Node]:
    """The layers up to a blob. NetError where the net has none, or nothing were left to learn."""
    if blob not in graph.blobs:
        raise NetError(
            f"the net has no blob {blob!r}", None, proposed(blob, graph.blobs, "its blobs")
        )
    nodes = above([graph.blobs[blob]])
    for end in found:
        if end.layers[0] in nodes:
            name = end.layers[0].name
            what = f"the blob {blob!r} comes after layer {name!r}, which is to learn the classes"
            raise NetError(what, None, "freeze up to a blob before it")
    return nodes
