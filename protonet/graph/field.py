"""The receptive field: which part of the input an element of a value looks at."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from protonet.graph.graph import Graph, Node, Value
from protonet.layers.base import ALL, Reach
from protonet.shape import Shape


@dataclass(frozen=True)
class ReceptiveField:
    """Pixels of the input along each spatial axis that one element looks at.

    ``stride`` is the step between neighbouring elements, ``offset`` the first pixel of the first
    element, negative inside the padding. Where paths meet, the field spans them all. With
    ``covers_all`` it is the whole input. Source: Araujo, Norris and Sim, "Computing receptive
    fields of convolutional neural networks", Distill 2019.
    """

    size: Shape
    stride: tuple[Fraction, ...]
    offset: Shape
    covers_all: bool = False

    def __str__(self) -> str:
        return "all" if self.covers_all else "x".join(map(str, self.size))


@dataclass(frozen=True)
class _Unknown:
    """Below a layer that changes the size of an image and does not say how."""


_State = ReceptiveField | _Unknown | None  # None: there is no image above


def receptive_fields(graph: Graph) -> dict[Value, ReceptiveField]:
    """The field of every value whose field is known; a value without an image above has none.

    Statistics over a batch or an image, as BatchNorm in training takes them, do not count.
    """
    states: dict[Value, _State] = {}
    for node in graph.nodes:
        states.update(zip(node.outputs, _states(node, states), strict=True))
    return {v: s for v, s in states.items() if isinstance(s, ReceptiveField)}


def _states(node: Node, states: dict[Value, _State]) -> list[_State]:
    if node.layer.is_data:
        return [_pixel(value.shape) for value in node.outputs]
    before = [states.get(value) for value in node.inputs]
    reach = node.layer.reach(tuple(value.shape for value in node.inputs))
    if reach is None:
        seen, sizes = _union(before), {value.shape[2:] for value in node.inputs}
        return [_without_window(node, value, seen, sizes) for value in node.outputs]
    if len(before) == len(node.outputs):
        return [_through(state, reach) for state in before]
    return [_through(before[0], reach)] * len(node.outputs)


def _pixel(shape: Shape) -> _State:
    axes = len(shape) - 2
    if axes < 1:
        return None
    return ReceptiveField((1,) * axes, (Fraction(1),) * axes, (0,) * axes)


def _without_window(node: Node, value: Value, seen: _State, sizes: set[Shape]) -> _State:
    """Element by element where the size stays; a vector out of an image has seen all of it."""
    if node.layer.is_alias() or not isinstance(seen, ReceptiveField) or value.shape[2:] in sizes:
        return seen
    return _whole(seen) if len(value.shape) <= 2 else _Unknown()


def _union(states: list[_State]) -> _State:
    fields = [s for s in states if isinstance(s, ReceptiveField)]
    if any(isinstance(s, _Unknown) for s in states):
        return _Unknown()
    if not fields:
        return None
    if any(f.covers_all for f in fields):
        return _whole(fields[0])
    if len({len(f.size) for f in fields}) > 1:
        return _Unknown()
    offset = tuple(map(min, zip(*(f.offset for f in fields), strict=True)))
    ends = [tuple(o + n for o, n in zip(f.offset, f.size, strict=True)) for f in fields]
    size = tuple(max(e) - o for e, o in zip(zip(*ends, strict=True), offset, strict=True))
    stride = tuple(map(max, zip(*(f.stride for f in fields), strict=True)))
    return ReceptiveField(size, stride, offset)


def _whole(field: ReceptiveField) -> ReceptiveField:
    return ReceptiveField(field.size, field.stride, field.offset, covers_all=True)


def _through(state: _State, reach: Reach) -> _State:
    if not isinstance(state, ReceptiveField) or state.covers_all:
        return state
    if reach is ALL:
        return _whole(state)
    if len(reach.span) != len(state.size):
        return _Unknown()
    size, stride, offset = [], [], []
    windows = zip(reach.span, reach.stride, reach.pad, strict=True)
    below = zip(state.size, state.stride, state.offset, strict=True)
    for (k, s, p), (n, step, first) in zip(windows, below, strict=True):
        spans = -(-k // s) if reach.upward else k
        begins = -((k - 1 - p) // s) if reach.upward else -p
        size.append(int(n + (spans - 1) * step))
        stride.append(step / s if reach.upward else step * s)
        offset.append(int(first + begins * step))
    return ReceptiveField(tuple(size), tuple(stride), tuple(offset))
