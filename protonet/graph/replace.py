"""A new graph with other nodes in the place of some; the old one stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as changed

from protonet.graph.graph import Graph, Node, Value
from protonet.layers.base import Layer
from protonet.layers.blob import Blob

Make = Callable[[Sequence[Node]], Layer]


def replace(graph: Graph, runs: Mapping[Node, Sequence[Node]], make: Make) -> Graph:
    """Copy a graph, each run of nodes as the one node of the layer that ``make`` gives for it.

    ``runs`` has each run, its nodes in the order of the graph, under its last node; it reads what
    its first node reads and gives what its last one gives.
    """
    values: dict[Value, Value] = {}
    nodes: list[Node] = []
    gone = {node for run in runs.values() for node in run} - set(runs)
    for node in graph.nodes:
        if node not in gone:
            run = runs.get(node, (node,))
            nodes.append(_node(run, make(run) if node in runs else node.layer, values))
    return changed(
        graph,
        nodes=nodes,
        inputs=[values[value] for value in graph.inputs],
        outputs=[values[value] for value in graph.outputs],
        blobs={blob: values[value] for blob, value in graph.blobs.items() if value in values},
    )


def _node(run: Sequence[Node], layer: Layer, values: dict[Value, Value]) -> Node:
    """One node for a run; the values of what it gives are new ones."""
    first, last = run[0], run[-1]
    node = Node(first.name, first.type, layer, first.span, first.path)
    node.inputs = tuple([values[value] for value in first.inputs])
    node.params = tuple([param for part in run for param in part.params])
    node.loss_weights, node.weights_implied = last.loss_weights, last.weights_implied
    node.propagate_down = first.propagate_down
    node.members = tuple([member for part in run for member in part.origin])
    node.blobs = first.blobs if len(run) == 1 and layer is first.layer else _blobs(node)
    node.outputs = tuple([Value(v.blob, v.shape, node, v.uses) for v in last.outputs])
    values.update(zip(last.outputs, node.outputs, strict=True))
    return node


def _blobs(node: Node) -> tuple[Blob, ...]:
    return node.layer.blobs(tuple(value.shape for value in node.inputs))
