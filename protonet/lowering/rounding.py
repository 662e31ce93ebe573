"""Pooling that need not be told to round up, since its sizes come out whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protonet.graph import Graph, Node, Value
from protonet.layers.base import LayerError
from protonet.program.expr import Call
from protonet.program.program import Origins, Program, Submodule
from protonet.shape import Shape

_POOLS = {"nn.MaxPool2d", "nn.AvgPool2d"}


def round_plainly(program: Program, graph: Graph) -> Program:
    """Leave out ``ceil_mode=True`` where the net takes no image for which it would matter.

    The sizes are whole, and a row or a column more or less would not fit an inner product behind.
    A net that is all windows takes images of other sizes, where rounding up counts, and so does
    one whose windows overlap: AlexNet's, of 3 by 2, fit images of 224 as well as of 227.
    """
    places: dict[Origins, int] = {node.origin: i for i, node in enumerate(graph.nodes)}

    if any(_overlaps(node) for node in graph.nodes if node.type == "Pooling"):
        return program  # the same for all: what one rounds counts for the others

    def plain(part: Submodule) -> Submodule:
        call = part.call
        if not (isinstance(call, Call) and "ceil_mode" in call.kwargs):
            return part
        if call.function.text() not in _POOLS:
            return part
        below = graph.nodes[places[part.origin] :]
        if not (_is_whole(below[0]) and _is_fixed(below)):
            return part
        kwargs = {key: value for key, value in call.kwargs.items() if key != "ceil_mode"}
        return replace(part, call=Call(call.function, call.args, kwargs))

    cls = replace(program.main, submodules=tuple(map(plain, program.main.submodules)))
    return replace(program, classes=(*program.classes[:-1], cls))


def _overlaps(pool: Node) -> bool:
    """Whether a pooling makes an image smaller, by windows that overlap."""
    reach = pool.layer.reach((pool.inputs[0].shape,))
    if reach is None:
        return False
    pairs = zip(reach.span, reach.stride, pool.inputs[0].shape[2:], strict=True)
    return any(size > span > stride > 1 for span, stride, size in pairs)


def _is_whole(pool: Node) -> bool:
    """Whether rounding down gives a pooling's sizes as well."""
    return _down(pool, pool.inputs[0].shape) == pool.outputs[0].shape


def _down(pool: Node, shape: Shape) -> Shape:
    """The shape of a pooling's top, its sizes rounded down."""
    reach = pool.layer.reach((shape,))
    assert reach is not None
    axes = zip(shape[2:], reach.span, reach.stride, reach.pad, strict=True)
    return (*shape[:2], *((n + 2 * p - k) // s + 1 for n, k, s, p in axes))


def _is_fixed(nodes: list[Node]) -> bool:
    """Whether no other size of the first node's top fits what an inner product takes."""
    if not any(node.type == "InnerProduct" for node in nodes):
        return False
    (top,) = nodes[0].outputs
    return all(
        _misfits(nodes, {top: tuple(n + step * (i == axis) for i, n in enumerate(top.shape))})
        for axis in (2, 3)
        for step in (1, -1)
    )


def _misfits(nodes: list[Node], shapes: dict[Value, Shape]) -> bool:
    """Whether an inner product refuses what a value in another shape becomes.

    Sizes only grow with those before them, so what refuses one more refuses any more.
    """
    (larger,) = (sum(shape) > sum(value.shape) for value, shape in shapes.items())
    for node in nodes[1:]:
        if not any(value in shapes for value in node.inputs):
            continue
        bottoms = tuple(shapes.get(value, value.shape) for value in node.inputs)
        if node.type == "InnerProduct" and node.blobs:
            if node.layer.blobs(bottoms)[0].shape != node.blobs[0].shape:
                return True
            continue
        shapes.update(_changed(node, bottoms, larger))
    return False


def _changed(node: Node, bottoms: tuple[Shape, ...], larger: bool) -> Mapping[Value, Shape]:
    """The tops whose shapes are others, where the bottoms' are."""
    try:
        tops = node.layer.infer(*bottoms)
    except LayerError:
        return {}
    if node.type == "Pooling" and len(tops) == 1 and not larger and _is_whole(node):
        tops = (_down(node, bottoms[0]),)
    pairs = zip(node.outputs, tops, strict=True)
    return {value: shape for value, shape in pairs if shape != value.shape}
