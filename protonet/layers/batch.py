"""What the shapes of a data layer's batches follow from."""

from __future__ import annotations

from protonet.layers.base import Layer, LayerError, Shape, ShapeUnknown
from protonet.schema.pool import Message

_FIT_SMALL = 2  # of ResizeParameter's modes


def batch_shapes(layer: Layer, batch: int, item: Shape) -> tuple[Shape, ...]:
    """(n, c, h, w) for the first top, (n,) for the labels."""
    if layer.param and not layer.message.HasField(layer.param):
        hint = f"give {layer.param} with batch_size, and the source of its data"
        raise LayerError(f"it has no {layer.param}", hint=hint)
    layer.check_positive("batch_size")
    labels = len(layer.message.top) - 1
    return (batch, *item), *((batch,),) * labels


def transform_of(layer: Layer, channels: int = 0) -> Message:
    """The layer's TransformationParameter. LayerError where two of its fields exclude each other.

    Source: DataTransformer.
    """
    transform = layer.message.transform_param
    means, place = len(transform.mean_value), ("transform_param", "mean_value")
    if means and transform.HasField("mean_file"):
        hint = "a mean is an image or one number a channel"
        raise LayerError("mean_file and mean_value are both given", *place, 0, hint=hint)
    if channels and means not in (0, 1, channels):
        what = f"mean_value is given {means} times for {channels} channels"
        raise LayerError(what, *place, means - 1)
    if transform.force_color and transform.force_gray:
        what = "force_color and force_gray are both set"
        raise LayerError(what, "transform_param", "force_gray", hint="set one of them")
    return transform


def channels(transform: Message) -> int:
    """1 where a TransformationParameter makes images gray, else 3."""
    return 1 if transform.force_gray else 3


def unknown(message: Message, why: str, axes: str = "NxCxHxW") -> ShapeUnknown:
    """The error of a data layer whose shapes, of these ``axes``, only its data would tell."""
    top = message.top[0]
    what = f"the shape of {top!r} is not known: {why}"
    return ShapeUnknown(what, hint=f"give `--shape {top}={axes}`")


def marked_size(layer: Layer) -> tuple[int, int]:
    """The height and width of images with boxes or faces, where the settings tell them."""
    transform = layer.message.transform_param
    if transform.crop_size:
        return transform.crop_size, transform.crop_size
    if transform.crop_h and transform.crop_w:
        return transform.crop_h, transform.crop_w
    resizes = transform.resize_param
    if not len(resizes):
        raise unknown(layer.message, "neither crop_size nor resize_param state it")
    if resizes[0].resize_mode == _FIT_SMALL:
        raise unknown(layer.message, "FIT_SMALL_SIZE leaves it to each image")
    return resizes[0].height, resizes[0].width
