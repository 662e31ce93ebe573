"""What the shapes of a data layer's batches follow from."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Layer, LayerError, Shape, ShapeUnknown


def batch_shapes(layer: Layer, batch: int, item: Shape) -> tuple[Shape, ...]:
    """(n, c, h, w) for the first top, (n,) for the labels."""
    if batch < 1:
        stated = ("batch_size",) if layer.has("batch_size") else ()
        raise LayerError("batch_size must be positive, it is 0", *stated)
    labels = len(layer.message.top) - 1
    return (batch, *item), *((batch,),) * labels


def channels(transform: Any) -> int:
    """1 where a TransformationParameter makes images gray, else 3."""
    return 1 if transform.force_gray else 3


def unknown(message: Any, why: str) -> ShapeUnknown:
    """The error of a data layer whose shapes only its data would tell."""
    top = message.top[0]
    what = f"the shape of {top!r} is not known: {why}"
    return ShapeUnknown(what, hint=f"give `--shape {top}=NxCxHxW`")
