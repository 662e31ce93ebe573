"""What layers in place do to blobs that others hold: memory that Caffe shares, gradients it spoils.

Blobs of a graph are never overwritten. Where Caffe's are, a later reader would get other numbers
than the definition says, which is an error; a wrong gradient is Caffe's own, and a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from protonet.graph.graph import Graph, Node, Value

_ENET = "spatial_dropout.SpatialDropoutLayer"
_SIGNS = ("Insanity", "ReLU")
_KEEPS_SIGNS = ("Dropout", "ReLU", "ReLU6", "SpatialDropout", _ENET)
_ELEMENTWISE = ("ELU", "Exp", "Insanity", "PReLU", "ReLU", "ReLU6", "Sigmoid", "Swish", "TanH")


def memories(graph: Graph) -> dict[Value, Value]:
    """The value whose memory each value has in Caffe: what it shares, or overwrites in place."""
    roots: dict[Value, Value] = {}
    for node in graph.nodes:
        for index, value in enumerate(node.outputs):
            shared = node.inputs[0] if node.layer.is_shared() else _overwritten(node, index)
            roots[value] = roots[shared] if shared else value
    return roots


def _overwritten(node: Node, index: int) -> Value | None:
    """The bottom that a top takes the place of."""
    if index < len(node.inputs) and node.inputs[index].blob == node.outputs[index].blob:
        return node.inputs[index]
    return None


def changes(graph: Graph) -> Iterator[tuple[int, Value]]:
    """The layers in place that write other numbers: their place in the net, and the bottom."""
    for place, node in enumerate(graph.nodes):
        copies = node.layer.is_shared() or node.layer.is_alias()
        for index in () if copies else range(len(node.outputs)):
            old = _overwritten(node, index)
            if old:
                yield place, old


def overwritten(graph: Graph) -> dict[Value, Node]:
    """The values that a layer in place changes in Caffe though their blob has another name."""
    roots, places = memories(graph), {node: place for place, node in enumerate(graph.nodes)}
    sharers: dict[Value, dict[str, list[Value]]] = {}
    for value, root in roots.items():
        sharers.setdefault(root, {}).setdefault(value.blob, []).append(value)
    found: dict[Value, Node] = {}
    for place, old in changes(graph):
        for blob, values in sharers[roots[old]].items():
            for value in values if blob != old.blob else ():
                if places[value.producer] < place:
                    found.setdefault(value, graph.nodes[place])
    return found


def misreadings(graph: Graph) -> Iterator[tuple[Node, int, Node]]:
    """The bottoms that Caffe would read changed: the layer, which bottom, who changes it."""
    places = {node: place for place, node in enumerate(graph.nodes)}
    spoilt = overwritten(graph)
    for place, node in enumerate(graph.nodes):
        for index, value in enumerate(node.inputs):
            if value in spoilt and places[spoilt[value]] < place:
                yield node, index, spoilt[value]


def spoilt_gradients(graph: Graph) -> Iterator[tuple[Node, str]]:
    """The layers whose gradient Caffe takes from what was overwritten, and by whom in words."""
    roots = memories(graph)
    readers: dict[Value, dict[str, list[Node]]] = {}
    written: dict[int, list[Value]] = {}
    for place, old in changes(graph):
        written.setdefault(place, []).append(old)
    for place, node in enumerate(graph.nodes):
        for old in written.get(place, ()):
            if node.layer.is_harmed_in_place():
                yield node, "its own bottom, which it overwrites in place"
            same = readers.get(roots[old], {})
            for kind in [kind for kind in same if not _harmless(kind, node)]:
                for reader in same.pop(kind):
                    yield reader, f"what layer {node.name!r} overwrites in place"
        sides = {"bottoms": node.inputs, "tops": node.outputs}
        for root in {roots[v] for side in node.layer.reads_backward() for v in sides[side]}:
            readers.setdefault(root, {}).setdefault(node.type, []).append(node)


def _harmless(reader: str, writer: Node) -> bool:
    """Whether what is overwritten gives the same gradient: signs are kept, or nothing passes."""
    if reader in _SIGNS and writer.type in _KEEPS_SIGNS:
        return not writer.layer.is_harmed_in_place()
    plain = writer.type == "ReLU" and not writer.layer.p.negative_slope
    return plain and reader in _ELEMENTWISE
