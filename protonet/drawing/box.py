"""What a box says: the kind, the name and the words of a group of layers."""

from __future__ import annotations

from protonet.drawing.kinds import kind
from protonet.drawing.words import summary
from protonet.graph.group import LayerGroup
from protonet.plain import plain


def kind_of(group: LayerGroup) -> str:
    """The kind of the first layer, or of a loss among the others."""
    kinds = [kind(node) for node in group.nodes]
    return "loss" if "loss" in kinds else kinds[0]


def title_of(group: LayerGroup) -> str:
    """The name of the layer."""
    return plain(group.head.name, 34)


def words_of(group: LayerGroup) -> str:
    """What the layer does, in few words."""
    return summary(group.head)


def followers_of(group: LayerGroup) -> str:
    """The types of the layers that belong to it."""
    return " · ".join(plain(node.type, 20) for node in group.nodes[1:])
