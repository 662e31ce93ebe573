"""Boxes: layers with what folds into them, the values that join them, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from protonet.drawing.kinds import kind
from protonet.drawing.words import summary
from protonet.graph import Graph, Node, Value
from protonet.graph.graph import Param
from protonet.plain import plain


@dataclass(eq=False, repr=False)
class Box:
    """One rectangle: a layer and the activations and in-place layers that follow it.

    ``sources`` are the boxes that its bottoms come from, with the values; ``outlets`` the values
    that others may read; ``shared`` the names of parameters that it shares.
    """

    index: int
    nodes: list[Node]
    sources: list[tuple[Box, Value]] = field(default_factory=list)
    outlets: list[Value] = field(default_factory=list)
    shared: tuple[str, ...] = ()

    @property
    def head(self) -> Node:
        """The layer that the box is named after."""
        return self.nodes[0]

    @property
    def kind(self) -> str:
        """The kind of the first layer, or of a loss among the others."""
        kinds = [kind(node) for node in self.nodes]
        return "loss" if "loss" in kinds else kinds[0]

    @property
    def title(self) -> str:
        """The name of the layer."""
        return plain(self.head.name, 34)

    @property
    def subtitle(self) -> str:
        """What the layer does, in few words."""
        return summary(self.head)

    @property
    def followers(self) -> str:
        """The types of the layers that were folded in."""
        return " · ".join(plain(node.type, 20) for node in self.nodes[1:])


def fold(graph: Graph) -> list[Box]:
    """The boxes of a graph in the order of the file."""
    boxes: list[Box] = []
    home: dict[Value, Box] = {}
    for node in graph.nodes:
        target = _target(node, home)
        if target is None:
            target = Box(len(boxes), [node], [(home[v], v) for v in node.inputs])
            boxes.append(target)
        else:
            target.nodes.append(node)
        target.outlets = list(node.outputs)
        home.update(dict.fromkeys(node.outputs, target))
    _mark_shared(boxes)
    return boxes


def _target(node: Node, home: dict[Value, Box]) -> Box | None:
    """The box that a layer folds into: it alone reads the one value that comes out there."""
    if len(node.inputs) != 1 or len(node.outputs) != 1 or node.layer.is_loss:
        return None
    (value,), (top,) = node.inputs, node.outputs
    if not node.layer.follows and top.blob != value.blob:
        return None
    box = home[value]
    only = value.uses == 1 and len(box.outlets) == 1 and value is box.outlets[0]
    return box if only and not box.head.layer.is_data else None


def _mark_shared(boxes: Iterable[Box]) -> None:
    owners: dict[Param, list[Box]] = {}
    for box in boxes:
        for param in dict.fromkeys(p for node in box.nodes for p in node.params):
            owners.setdefault(param, []).append(box)
    for param, sharing in owners.items():
        for box in sharing if len(sharing) > 1 else ():
            box.shared = (*box.shared, param.name)
