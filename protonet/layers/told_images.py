"""What data layers share whose database tells more of an image than one label."""

from __future__ import annotations

from protonet.layers.base import Layer, LayerError
from protonet.layers.batch import transform_of, unknown
from protonet.schema.pool import Message

_FIT_SMALL = 2


def told_size(layer: Layer, message: Message) -> tuple[int, int]:
    """The height and width of the images of a layer as AnnotatedData's message states them.

    LayerError of the first field that can't be followed, or where nothing states them.
    """
    from protonet.data.detection.settings import problems

    for what, field, hint in problems(message):
        raise LayerError(what, *field, hint=hint)
    transform_of(layer)
    transform = message.transform_param
    if transform.crop_size:
        return transform.crop_size, transform.crop_size
    if transform.crop_h and transform.crop_w:
        return transform.crop_h, transform.crop_w
    resizes = transform.resize_param
    if not len(resizes):
        raise unknown(message, "neither crop_size nor resize_param state it")
    if resizes[0].resize_mode == _FIT_SMALL:
        raise unknown(message, "FIT_SMALL_SIZE leaves it to each image")
    return resizes[0].height, resizes[0].width
