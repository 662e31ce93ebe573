"""The figures of a definition: what it holds, what it costs, how deep it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from protonet.api import graph_of, read
from protonet.graph import Graph
from protonet.graph.cost import costs
from protonet.graph.graph import Value
from protonet.selection import Selection, Shapes

_SINGLE = 4  # bytes of an element in single precision


@dataclass(frozen=True)
class Figures:
    """One net at one input.

    ``parameters`` are learned elements, ``statistics`` BatchNorm's and the like. ``multiply_adds``
    are those of one forward pass over the input, ``activations`` the bytes that autograd keeps of
    it for the backward pass in the TRAIN phase. ``depth`` is the most layers with weights, that
    is convolutions and inner products, on a way through the net.
    """

    input: tuple[int, ...]
    parameters: int
    statistics: int
    multiply_adds: int
    activations: int
    depth: int

    @property
    def file(self) -> int:
        """Bytes of all blobs in single precision: the size of a file of weights."""
        return _SINGLE * (self.parameters + self.statistics)

    @property
    def training(self) -> int:
        """Bytes that training holds: blobs, gradients, momentum and activations."""
        return self.file + 2 * _SINGLE * self.parameters + self.activations


def figures(
    source: Any, shape: Sequence[int] | None = None, named: Shapes | None = None
) -> Figures:
    """The figures of a net whose first input has a shape; by default one image of its own size.

    ``source`` is a path or a text; ``named`` gives shapes by blob. NetError where the definition
    is wrong, or does not take that shape.
    """
    loaded = read(source)
    test = at_shape(loaded, "TEST", shape, named)
    cost = costs(test)
    return Figures(
        test.inputs[0].shape if test.inputs else (),
        cost.parameters,
        cost.statistics,
        cost.multiply_adds,
        costs(at_shape(loaded, "TRAIN", shape, named)).training,
        depth(test),
    )


def at_shape(source: Any, phase: str, shape: Sequence[int] | None, named: Shapes | None) -> Graph:
    """The graph of a phase whose images have a shape, and whose other inputs its batch size."""
    own = graph_of(source, Selection.of(phase, shapes=named))
    if not own.inputs or (named and not shape):
        return own
    first = own.inputs[0].shape
    new = tuple(shape or (1, *first[1:]))
    if new == first:
        return own
    others = {v.blob: (new[0], *v.shape[1:]) for v in own.inputs if v.shape[:1] == first[:1]}
    shapes = {**others, **(named or {}), own.inputs[0].blob: new}
    return graph_of(source, Selection.of(phase, shapes=shapes))


def depth(net: Graph) -> int:
    """The most layers with weights on a way through the net."""
    depths: dict[Value, int] = {}
    for node in net.nodes:
        before = max((depths.get(value, 0) for value in node.inputs), default=0)
        after = before + bool(node.params and node.layer.multiply_adds(*_ends(node)))
        depths.update(dict.fromkeys(node.outputs, after))
    return max(depths.values(), default=0)


def _ends(node: Any) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    return tuple(v.shape for v in node.inputs), tuple(v.shape for v in node.outputs)
