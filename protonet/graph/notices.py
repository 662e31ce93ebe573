"""What a graph's writer should know of it, as warnings with their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protonet.diagnostics import AsInCaffe, NetWarning, SameNames, UnlikeCaffe
from protonet.graph.graph import Graph, Node, Value
from protonet.graph.in_place import overwritten, spoilt_gradients
from protonet.graph.objective import oddities


def notices(graph: Graph) -> Iterator[NetWarning]:
    """Layers of one name, losses whose weights do something else, gradients, what layers note."""
    yield from _same_names(graph)
    for what in graph.readings:
        yield UnlikeCaffe(what)
    yield from _alignments(graph)
    for node in graph.nodes:
        if node.layer.note:
            yield AsInCaffe(f"{_layer(node)}: {node.layer.note}")
    if graph.phase == "TRAIN" or graph.force_backward:
        for node, what in oddities(graph):
            yield AsInCaffe(f"{_layer(node)}: as in Caffe {what}")
        for node, what in dict.fromkeys(spoilt_gradients(graph)):
            told = f"Caffe takes its gradient from {what}; here it is right"
            yield UnlikeCaffe(f"{_layer(node)}: {told}")
        yield from _margins(graph)


def notices_of_outputs(graph: Graph, outputs: Sequence[str]) -> Iterator[NetWarning]:
    """Blobs that are asked for and that Caffe overwrites."""
    spoilt = overwritten(graph)
    for blob in outputs:
        writer = spoilt.get(graph.blobs[blob]) if blob in graph.blobs else None
        if writer:
            what = f"in Caffe the blob {blob!r} is overwritten by it, the memory being shared"
            yield UnlikeCaffe(f"{_layer(writer)}: {what}; here it is as it was made")


def _same_names(graph: Graph) -> Iterator[NetWarning]:
    """The layers that weights don't reach. Net::CopyTrainedLayersFrom."""
    named: dict[str, list[Node]] = {}
    for node in graph.nodes:
        named.setdefault(node.name, []).append(node)
    for name, nodes in named.items():
        if any(node.params for node in nodes[1:]):
            learn = sum(bool(node.params) for node in nodes)
            behind = "a layer with parameters and one before it"
            which = f"{learn} layers with parameters" if learn > 1 else behind
            what = f"{which} have the name {name!r}; as in Caffe, weights"
            yield SameNames(f"{what} are loaded into the first only")


def _alignments(graph: Graph) -> Iterator[NetWarning]:
    """Regions aligned in Cascade R-CNN's way where its nets would go on with means of the corners.

    Other forks give the type's name, and the same fields, to layers of other numbers.
    """
    pooled = {value for node in graph.nodes if node.type == "Pooling" for value in node.inputs}
    for node in graph.nodes:
        corners = node.type == "ROIAlign" and node.layer.message.HasField("roi_pooling_param")
        if corners and node.outputs[0].uses and node.outputs[0] not in pooled:
            what = "its top is one larger than pooled_h and pooled_w, which are corners, as in "
            what += "Cascade R-CNN's fork, and no Pooling layer takes their means; the ROIAlign of "
            yield NetWarning(f"{_layer(node)}: {what}other forks is another layer")


def _margins(graph: Graph) -> Iterator[NetWarning]:
    """Hinge losses that count nowhere, whose margins Caffe leaves in the gradient of the scores.

    Source: HingeLossLayer::Forward_cpu.
    """
    for node in graph.nodes if not graph.force_backward else ():
        counts = any(node.loss_weights) or any(value.uses for value in node.outputs)
        if node.type == "HingeLoss" and not counts and _trains_besides(node.inputs[0]):
            what = "with a loss_weight of 0 Caffe adds its margins to the gradient of "
            what += f"{node.inputs[0].blob!r}; here it adds nothing"
            yield UnlikeCaffe(f"{_layer(node)}: {what}")


def _trains_besides(value: Value) -> bool:
    """Whether a value that a layer reads counts in the objective itself, or has other readers."""
    weights = zip(value.producer.outputs, value.producer.loss_weights, strict=True)
    return value.uses > 1 or any(weight for top, weight in weights if top is value)


def _layer(node: Node) -> str:
    place = f"{node.span}: " if node.span else ""
    return f"{place}layer {node.name!r} ({node.type})"
