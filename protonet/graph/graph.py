"""Value, Param, Node and Graph: a net in static single assignment form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protonet.diagnostics import Span
from protonet.layers.base import Layer, count, show
from protonet.shape import Shape


@dataclass(eq=False)
class Value:
    """One tensor: the blob it is a state of, its shape, the node that makes it."""

    blob: str
    shape: Shape
    producer: Node
    uses: int = 0

    def __repr__(self) -> str:
        return f"<Value {self.blob!r} {show(self.shape)}>"


@dataclass(eq=False)
class Param:
    """One parameter blob. Layers that share it by ``param { name }`` hold the same object."""

    owner: Node
    index: int
    shape: Shape
    filler: Any
    name: str = ""
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    is_statistic: bool = False

    def __repr__(self) -> str:
        return f"<Param {self.index} of {self.owner.name!r} {show(self.shape)}>"

    @property
    def size(self) -> int:
        """The number of elements."""
        return count(self.shape)


@dataclass(eq=False)
class Node:
    """One layer of the net, in the order of the file."""

    name: str
    type: str
    layer: Layer
    span: Span | None
    path: tuple[str | int, ...]
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    params: tuple[Param, ...] = ()
    loss_weights: tuple[float, ...] = ()
    propagate_down: tuple[bool, ...] = ()

    def __repr__(self) -> str:
        return f"<Node {self.name!r} {self.type}>"


@dataclass(eq=False)
class Graph:
    """A net of one phase. ``blobs`` maps a blob's name to its last value.

    ``definition`` is its NetParameter as Caffe would save it, without blobs.
    """

    name: str
    phase: str
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    blobs: dict[str, Value] = field(default_factory=dict)
    force_backward: bool = False
    definition: Any = None

    def __repr__(self) -> str:
        return f"<Graph {self.name!r} {self.phase}, {len(self.nodes)} layers>"

    @property
    def params(self) -> list[Param]:
        """Every parameter once, in the order of the layers."""
        return list(dict.fromkeys(p for node in self.nodes for p in node.params))
