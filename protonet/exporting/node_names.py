"""Nodes with the names of the layers that they are there for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import onnx_ir as ir

from protonet.exporting.steps import Steps
from protonet.exporting.traced import layer_of
from protonet.plain import plain

LAYER = "protonet.layer"
_BLOBS = "protonet.blobs"


def note_layers(model: ir.Model, steps: Steps) -> None:
    """Note at every node the layer that it is there for; what torch noted itself is taken away."""
    for node in model.graph:
        operation = node.meta.pop("node", None)
        layer = None if operation is None else layer_of(operation, steps)
        if layer is not None:
            node.meta[LAYER] = plain(layer.name)
        node.metadata_props.clear()


def blobs_of(model: ir.Model) -> set[str]:
    """The names of values and weights that are Caffe's, to be added to; passes keep them."""
    found: set[str] = model.graph.meta.setdefault(_BLOBS, set())
    return found


def name_nodes(model: ir.Model) -> None:
    """Name nodes after their layers, and what no blob's name is known for after the nodes.

    The node that gives the layer's top has the layer's own name, others that and their operator.
    """
    layers = _layers(list(model.graph))
    blobs = blobs_of(model)
    final = {
        layers[node]: node
        for node in model.graph
        if any(value.name in blobs for value in node.outputs)
    }
    names = _Names(blobs)
    nodes = _Names(())
    for node in model.graph:
        layer = layers[node]
        is_last = final.get(layer, node) is node
        node.name = nodes.free(layer if is_last else f"{layer}/{node.op_type}")
    for node in model.graph:
        for value in node.outputs:
            if value.name and value.name not in blobs:
                value.name = names.free(f"{layers[node]}/{node.op_type}")
    for value in list(model.graph.initializers.values()):
        if value.name not in blobs:
            user = next((use.node for use in value.uses()), None)
            what = f"{layers[user]}/constant" if user in layers else "constant"
            value.name = names.free(what)


class _Names:
    """Names given so far, each once."""

    def __init__(self, given: Iterable[str]) -> None:
        self.given = set(given)
        self.times: Counter[str] = Counter()

    def free(self, wanted: str) -> str:
        """The name, or one with a number behind it."""
        name = wanted
        while name in self.given:
            self.times[wanted] += 1
            name = f"{wanted}_{self.times[wanted]}"
        self.given.add(name)
        return name


def _layers(nodes: list[ir.Node]) -> dict[ir.Node, str]:
    """The layer of every node: its own, else of those that read it, else of those that it reads."""
    found: dict[ir.Node, str] = {}
    for node in reversed(nodes):
        readers = (found.get(reader) for value in node.outputs for reader in value.consumers())
        layer = node.meta.get(LAYER) or next((name for name in readers if name), "")
        found[node] = layer
    for node in nodes:
        if not found[node]:
            above = (value.producer() for value in node.inputs if value is not None)
            names = (found[p] for p in above if p is not None and p in found)
            found[node] = next((name for name in names if name), node.op_type)
    return found
