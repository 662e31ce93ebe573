"""A net's layers and blobs in the order and under the names that Caffe has for them.

A value that several layers read goes through a Split there, a layer with a blob for each reader,
and a value with a loss_weight that is read as well has one for its weight. Source: InsertSplits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from protonet.graph import Graph, Node, Value
from protonet.graph.in_place import memories
from protonet.shape import Shape

AUTOMATIC = "(automatic)"


@dataclass(eq=False)
class BlobWire:
    """A blob of Caffe's: its name, its first shape, the value whose memory it is, its weight.

    ``gradient`` is the wire whose diff it has in common, itself where it has one of its own.
    """

    name: str
    shape: Shape
    root: Value
    weight: float = 0.0
    gradient: BlobWire | None = None


@dataclass(eq=False)
class WiringStep:
    """A layer of Caffe's with its wires; ``node`` is None for a Split."""

    name: str
    type: str
    node: Node | None
    bottoms: tuple[BlobWire, ...] = ()
    tops: tuple[BlobWire, ...] = ()
    weights: tuple[float, ...] = ()
    needs_backward: bool = False
    down: list[bool] = field(default_factory=list)


@dataclass
class Wiring:
    """All steps and all wires, in Caffe's order; what of them is input and output."""

    steps: list[WiringStep]
    wires: list[BlobWire]
    inputs: list[BlobWire]
    outputs: list[BlobWire]


def wiring(graph: Graph) -> Wiring:
    """The layers and blobs of a graph as Net::Init makes them."""
    return _Wirer(graph).run()


class _Wirer:
    """The wires so far: by value, and those of its Split that wait for their readers."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.roots = memories(graph)
        self.wires: list[BlobWire] = []
        self.steps: list[WiringStep] = []
        self.by_value: dict[Value, BlobWire] = {}
        self.split: dict[Value, Iterator[BlobWire]] = {}
        self.given: list[BlobWire] = []

    def run(self) -> Wiring:
        for node in self.graph.nodes:
            self.add(node)
        ends = {v.blob: v for v in self.graph.outputs if not self.is_automatic(v)}
        outputs = [self.by_value[ends[blob]] for blob in sorted(ends, key=str.encode)]
        return Wiring(self.steps, self.wires, self.given, outputs)

    def add(self, node: Node) -> None:
        bottoms = tuple(self.read(value) for value in node.inputs)
        split = {v: w for v, w in _stated(node) if v.uses}
        weights = list(node.loss_weights)
        if split:  # the layer loses its weights; a loss has the implied one again
            weights = [0.0] * len(node.outputs)
            if node.layer.is_loss and weights:
                weights[0] = 1.0
        tops = tuple(self.top(node, index, bottoms) for index in range(len(node.outputs)))
        for wire, weight in zip(tops, weights, strict=True):
            wire.weight = weight
        self.steps.append(WiringStep(node.name, node.type, node, bottoms, tops, tuple(weights)))
        if node.type == "Input":
            self.given += tops
        for index, value in enumerate(node.outputs):
            readers = value.uses + (value in split)
            if readers > 1:
                self.add_split(node, index, readers, split.get(value, 0.0))

    def read(self, value: Value) -> BlobWire:
        return next(self.split[value]) if value in self.split else self.by_value[value]

    def top(self, node: Node, index: int, bottoms: Sequence[BlobWire]) -> BlobWire:
        """The wire of a top: that of its bottom in place, else a new one."""
        value = node.outputs[index]
        in_place = index < len(node.inputs) and node.inputs[index].blob == value.blob
        if in_place:
            wire = bottoms[index]
        else:
            name = AUTOMATIC if self.is_automatic(value) else value.blob
            shared = bottoms[0] if node.layer.is_shared() and node.type != "Split" else None
            wire = self.wire(name, value, shared.gradient or shared if shared else None)
        self.by_value[value] = wire
        return wire

    def wire(self, name: str, value: Value, gradient: BlobWire | None = None) -> BlobWire:
        made = BlobWire(name, value.shape, self.roots[value], 0.0, gradient)
        self.wires.append(made)
        return made

    def is_automatic(self, value: Value) -> bool:
        """Whether it is a top that the definition does not name. Source: Net::Init."""
        node = value.producer
        stated = self.graph.definition.layer[int(node.path[1])].top
        return node.outputs.index(value) >= len(stated)

    def add_split(self, node: Node, index: int, count: int, weight: float) -> None:
        value = node.outputs[index]
        name = f"{value.blob}_{node.name}_{index}_split"
        tops = tuple(self.wire(f"{name}_{k}", value) for k in range(count))
        tops[0].weight = weight
        weights = tuple(wire.weight for wire in tops)
        self.steps.append(WiringStep(name, "Split", None, (self.by_value[value],), tops, weights))
        self.split[value] = iter(tops[1:] if weight else tops)


def _stated(node: Node) -> Iterator[tuple[Value, float]]:
    """The tops with weights that the definition states."""
    pairs = zip(node.outputs, node.loss_weights, strict=True)
    return ((v, w) for v, w in pairs if w and not node.weights_implied)
