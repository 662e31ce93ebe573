"""What a layer has above and below it: how many blobs, and of which shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protonet.diagnostics import NetError, did_you_mean
from protonet.graph.graph import Node, Value
from protonet.layers import Layer, LayerError
from protonet.layers.base import MOST
from protonet.shape import Shape, count, show


def limit(fewest: int, most: int | None, field: str) -> str:
    """How many bottoms or tops a layer takes, in words."""
    if most == fewest:
        return f"it takes exactly {fewest} {field}{'' if fewest == 1 else 's'}"
    if most is None:
        return f"it takes at least {fewest} {field}{'' if fewest == 1 else 's'}"
    return f"it takes {fewest} to {most} {field}s"


def field_path(node: Node, field: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path of a layer's field in its net, from that in its own message or below the layer."""
    if not field:
        return node.path
    first = str(field[0])
    if first in node.layer.message.DESCRIPTOR.fields_by_name or not node.layer.field:
        return (*node.path, *field)
    return (*node.path, node.layer.field, *field)


def data_shapes(layer: Layer, shapes: Mapping[str, Shape]) -> tuple[Shape, ...]:
    """The shapes of a data layer's tops, of which some are given; the others follow from these."""
    tops = list(layer.message.top)
    given = {top: shapes[top] for top in tops if top in shapes}
    batch = next(iter(given.values()))[:1]
    followed = layer.beside(given[tops[0]]) if tops[0] in given else None
    if followed is not None:
        return tuple(given.get(top, shape) for top, shape in zip(tops, followed, strict=True))
    try:
        inferred: dict[str, Shape] = dict(zip(tops, layer.infer(), strict=True))
    except LayerError:
        inferred = dict.fromkeys(tops, batch)
    if tops[0] in given:
        inferred = {top: batch + shape[1:] for top, shape in inferred.items()}
    return tuple(given.get(top, inferred[top]) for top in tops)


def smaller_batch(shape: Shape, inputs: Sequence[Value]) -> str | None:
    """How a blob that is too large becomes one that can be; None where its batch is not to blame.

    ``inputs`` are the net's, in their order.
    """
    fits = MOST // max(1, count(shape, 1))
    batched = next((v for v in inputs if shape and v.shape[:1] == shape[:1]), None)
    if batched is None or not 1 <= fits < shape[0]:
        return None
    given = f"--shape {batched.blob}={show((fits, *batched.shape[1:]))}"
    return f"at most {fits} items fit: give {given}, or a smaller batch and the solver's iter_size"


def unused_shapes(shapes: Mapping[str, Shape], inputs: Sequence[Value]) -> list[NetError]:
    """An error where a shape is given for a blob that is no input; the first such one."""
    tops = dict.fromkeys(value.blob for value in inputs)
    for name in (name for name in shapes if name not in tops):
        hint = did_you_mean(name, tops) or f"the inputs are {', '.join(tops)}"
        return [NetError(f"a shape is given for {name!r}, no input", None, hint)]
    return []
