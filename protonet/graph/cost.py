"""What a net costs: parameters, multiply-adds, memory and receptive field, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.garbage import uncollected
from protonet.graph.field import ReceptiveField, receptive_fields
from protonet.graph.graph import Graph, Node, Param
from protonet.graph.memory import memory


@dataclass(frozen=True)
class LayerCost:
    """One layer, one forward pass over the batch that the shapes say.

    ``parameters`` are elements that are learned, ``statistics`` those that are not, each counted
    where it first occurs: a layer that shares another's has none. ``multiply_adds`` are those of
    matrix products and convolutions. ``forward`` is bytes of the tops in single precision, 0 for
    a view; ``training`` bytes that autograd keeps for this layer. ``field`` is the receptive field
    of the first top, None where there is none or the layer does not say.
    """

    node: Node
    parameters: int
    statistics: int
    multiply_adds: int
    forward: int
    training: int
    field: ReceptiveField | None


@dataclass(frozen=True)
class NetCost:
    """A net and its totals, in the units of LayerCost.

    ``peak`` is the most bytes of activations alive at once in a forward pass, when each value
    goes after its last reader; inputs count, parameters don't.
    """

    graph: Graph
    layers: tuple[LayerCost, ...]
    peak: int

    @property
    def parameters(self) -> int:
        """Learned elements, each once."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def statistics(self) -> int:
        """Elements of BatchNorm's blobs and the like, which no gradient reaches."""
        return sum(layer.statistics for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of a forward pass over the batch."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def forward(self) -> int:
        """Bytes of all values that a forward pass makes."""
        return sum(layer.forward for layer in self.layers)

    @property
    def training(self) -> int:
        """Bytes of activations that autograd keeps between the forward and the backward pass."""
        return sum(layer.training for layer in self.layers)


@uncollected()
def costs(graph: Graph) -> NetCost:
    """The costs of every layer of a graph of one phase; needs no torch."""
    spent, fields = memory(graph), receptive_fields(graph)
    seen: set[Param] = set()
    layers = []
    for node in graph.nodes:
        own = [p for p in dict.fromkeys(node.params) if p not in seen]
        seen.update(own)
        first = node.outputs[0] if node.outputs else None
        layers.append(
            LayerCost(
                node,
                sum(p.size for p in own if not p.is_statistic),
                sum(p.size for p in own if p.is_statistic),
                multiply_adds(node),
                spent.nodes[node].forward,
                spent.nodes[node].training,
                fields.get(first) if first else None,
            )
        )
    return NetCost(graph, tuple(layers), spent.peak)


def multiply_adds(node: Node) -> int:
    """Multiply-adds of one layer."""
    bottoms = tuple(v.shape for v in node.inputs)
    return node.layer.multiply_adds(bottoms, tuple(v.shape for v in node.outputs))
