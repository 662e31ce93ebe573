"""Value, Param, Node and Graph: a net in static single assignment form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protonet.diagnostics import Span
from protonet.layers.base import Layer, count, show
from protonet.layers.blob import Blob
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
    """One parameter blob. Layers that share it by ``param { name }`` hold the same object.

    ``stated`` are the multipliers that one of them states.
    """

    owner: Node
    index: int
    blob: Blob
    name: str = ""
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    regularization: str = ""  # L1 or L2 of its own, whatever the solver's is
    stated: set[str] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<Param {self.index} of {self.owner.name!r} {show(self.shape)}>"

    @property
    def shape(self) -> Shape:
        """Caffe's shape, as its owner has it."""
        return self.blob.shape

    @property
    def is_statistic(self) -> bool:
        """Whether no gradient reaches it."""
        return self.blob.is_statistic

    @property
    def size(self) -> int:
        """The number of elements."""
        return count(self.shape)


@dataclass(eq=False)
class Node:
    """One layer of the net, in the order of the file, or several that a pass made one.

    ``params`` are its parameters and ``blobs`` what the layer says of each, in the same order.
    ``loss_weights`` are those of the tops; ``weights_implied`` says that the layer, a loss, states
    none. ``members`` are the nodes that it stands for, where a pass put it in their place.
    """

    name: str
    type: str
    layer: Layer
    span: Span | None
    path: tuple[str | int, ...]
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    params: tuple[Param, ...] = ()
    blobs: tuple[Blob, ...] = ()
    loss_weights: tuple[float, ...] = ()
    weights_implied: bool = False
    propagate_down: tuple[bool, ...] = ()
    members: tuple[Node, ...] = ()

    def __repr__(self) -> str:
        return f"<Node {self.name!r} {self.type}>"

    @property
    def origin(self) -> tuple[Node, ...]:
        """The layers of the net that it stands for, itself where no pass made it."""
        return self.members or (self,)


@dataclass(eq=False)
class Graph:
    """A net of one phase. ``blobs`` maps a blob's name to its last value.

    ``file`` is what its file's name says of it, "" where that is nothing.
    ``unchecked`` are layers that a lenient build has passed over, each with the reason, and
    ``below_unchecked`` is how many read what those make. ``readings`` are sentences of layers that
    are taken for a fork's, without which the net would not fit together.
    ``definition`` is its NetParameter as Caffe would save it, without blobs, ``encoding`` what its
    text was read as.
    """

    name: str
    phase: str
    file: str = ""
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    blobs: dict[str, Value] = field(default_factory=dict)
    force_backward: bool = False
    definition: Any = None
    encoding: str = "utf-8"
    unchecked: list[str] = field(default_factory=list)
    below_unchecked: int = 0
    readings: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Graph {self.name!r} {self.phase}, {len(self.nodes)} layers>"

    @property
    def called(self) -> str:
        """Its name, else that of its file, else what it is."""
        return self.name or self.file or "net"

    @property
    def has_loss(self) -> bool:
        """Whether it is trained: a training net with a loss that counts."""
        return self.phase == "TRAIN" and self.has_objective

    @property
    def has_objective(self) -> bool:
        """Whether a top counts in what training would minimise."""
        return any(any(node.loss_weights) for node in self.nodes)

    @property
    def params(self) -> list[Param]:
        """Every parameter once, in the order of the layers."""
        return list(dict.fromkeys(p for node in self.nodes for p in node.params))

    def computes_gradient(self, param: Param) -> bool:
        """Whether Caffe computes the gradient of a blob; a frozen one has one in some nets.

        Source: Net::Init, RecurrentLayer::LayerSetUp.
        """
        if param.is_statistic:
            return False
        if param.lr_mult or self.force_backward:
            return True
        return param.owner.layer.trains_frozen and _learns(param.owner)


def _learns(node: Node) -> bool:
    """Whether a blob of a layer, or of one that it depends on, is learned."""
    seen, left = {node}, [node]
    while left:
        one = left.pop()
        if any(param.lr_mult and not param.is_statistic for param in one.params):
            return True
        above = {value.producer for value in one.inputs} - seen
        seen |= above
        left += above
    return False
