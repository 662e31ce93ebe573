"""Groups: layers with the activations and in-place layers that belong to them, and their ways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from protonet.graph.graph import Graph, Node, Param, Value


@dataclass(eq=False, repr=False)
class LayerGroup:
    """One layer, and those that follow it as parts of it.

    ``sources`` are the groups that its bottoms come from, with the values; ``outlets`` the values
    that others may read; ``shared`` the names of parameters that it shares.
    """

    index: int
    nodes: list[Node]
    sources: list[tuple[LayerGroup, Value]] = field(default_factory=list)
    outlets: list[Value] = field(default_factory=list)
    shared: tuple[str, ...] = ()

    @property
    def head(self) -> Node:
        """The layer that the others follow."""
        return self.nodes[0]


def grouped(graph: Graph) -> list[LayerGroup]:
    """The groups of a graph in the order of the file."""
    groups: list[LayerGroup] = []
    home: dict[Value, LayerGroup] = {}
    for node in graph.nodes:
        target = _target(node, home)
        if target is None:
            target = LayerGroup(len(groups), [node], [(home[v], v) for v in node.inputs])
            groups.append(target)
        else:
            target.nodes.append(node)
        target.outlets = list(node.outputs)
        home.update(dict.fromkeys(node.outputs, target))
    _mark_shared(groups)
    return groups


def _target(node: Node, home: dict[Value, LayerGroup]) -> LayerGroup | None:
    """The group that a layer belongs to: it alone reads the one value that comes out there."""
    if len(node.inputs) != 1 or len(node.outputs) != 1 or node.layer.is_loss:
        return None
    (value,), (top,) = node.inputs, node.outputs
    if not node.layer.follows and top.blob != value.blob:
        return None
    group = home[value]
    only = value.uses == 1 and len(group.outlets) == 1 and value is group.outlets[0]
    return group if only and not group.head.layer.is_data else None


def _mark_shared(groups: Iterable[LayerGroup]) -> None:
    owners: dict[Param, list[LayerGroup]] = {}
    for group in groups:
        for param in dict.fromkeys(p for node in group.nodes for p in node.params):
            owners.setdefault(param, []).append(group)
    for param, sharing in owners.items():
        for group in sharing if len(sharing) > 1 else ():
            group.shared = (*group.shared, param.name)
