"""Memory of activations: the peak of a forward pass, and what autograd keeps in training."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.graph.graph import Graph, Node, Value
from protonet.layers.base import count

_SINGLE = 4  # bytes of an element in single precision


@dataclass(frozen=True)
class NodeMemory:
    """Bytes of one layer in single precision.

    ``forward`` is what its tops take, 0 where they are views; ``training`` what autograd keeps
    for its sake that is not kept already.
    """

    forward: int
    training: int


@dataclass(frozen=True)
class Memory:
    """Bytes of a net in single precision, its inputs included, its parameters not.

    ``peak`` is the most that is alive at once when each value goes after its last reader;
    ``training`` is everything that autograd keeps between the passes.
    """

    nodes: dict[Node, NodeMemory]
    peak: int

    @property
    def training(self) -> int:
        """Everything that autograd keeps from the forward pass to the backward one."""
        return sum(memory.training for memory in self.nodes.values())


def memory(graph: Graph) -> Memory:
    """The memory of every node and of the net."""
    roots = _roots(graph)
    forward = {node: _made(node, roots) for node in graph.nodes}
    training = _kept(graph, roots)
    nodes = {node: NodeMemory(forward[node], training[node]) for node in graph.nodes}
    return Memory(nodes, _peak(graph, roots, forward))


def _roots(graph: Graph) -> dict[Value, Value]:
    """The value whose memory each value uses: its own, or that of what it is a view of."""
    roots: dict[Value, Value] = {}
    for node in graph.nodes:
        for value in node.outputs:
            roots[value] = roots[node.inputs[0]] if node.layer.is_alias() else value
    return roots


def _bytes(value: Value) -> int:
    return _SINGLE * count(value.shape)


def _made(node: Node, roots: dict[Value, Value]) -> int:
    return sum(_bytes(value) for value in node.outputs if roots[value] is value)


def _peak(graph: Graph, roots: dict[Value, Value], made: dict[Node, int]) -> int:
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            last[roots[value]] = index
    last.update({roots[value]: len(graph.nodes) for value in graph.outputs})
    ending: dict[int, int] = {}
    for value, index in last.items():
        ending[index] = ending.get(index, 0) + _bytes(value)
    alive = peak = 0
    for index, node in enumerate(graph.nodes):
        alive += made[node]
        peak = max(peak, alive)
        alive -= ending.get(index, 0)
    return peak


def _kept(graph: Graph, roots: dict[Value, Value]) -> dict[Node, int]:
    moving: set[Value] = set()  # values that a gradient reaches
    kept: set[Value] = set()
    result: dict[Node, int] = {}
    for node in graph.nodes:
        result[node] = 0
        if not _is_moving(graph, node, moving):
            continue
        moving.update(node.outputs)
        sides = {"bottoms": node.inputs, "tops": node.outputs}
        wanted = {roots[value] for side in node.layer.kept() for value in sides[side]}
        new = wanted - kept
        kept |= new
        shapes = tuple(v.shape for v in node.inputs), tuple(v.shape for v in node.outputs)
        result[node] = sum(map(_bytes, new)) + node.layer.kept_besides(*shapes)
    return result


def _is_moving(graph: Graph, node: Node, moving: set[Value]) -> bool:
    """Whether a gradient passes through a layer: to its parameters, or to what is above."""
    if any(graph.computes_gradient(param) for param in node.params):
        return True
    return any(
        value in moving and goes and index not in node.layer.constant_bottoms()
        for index, (value, goes) in enumerate(zip(node.inputs, node.propagate_down, strict=True))
    )
