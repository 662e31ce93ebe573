"""What a data layer states of its images: their preparation in TEST, without reading any."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from protonet.data.classification import fitted_mean
from protonet.data.extras import NotHere
from protonet.preparation import Preparation
from protonet.schema.blobs import read_binaryproto
from protonet.schema.lookup import found
from protonet.schema.pool import Message


def states_preparation(layer: Message) -> bool:
    """Whether a layer of a net says how images become its top."""
    transform = layer.transform_param
    fields = ("scale", "mean_file", "crop_size")
    return bool(len(transform.mean_value)) or any(transform.HasField(f) for f in fields)


def stated_preparation(layer: Message, plain: Preparation, folder: str) -> Preparation:
    """The preparation that a layer states, for the net that ``plain`` is of.

    What images are brought to before the crop is that of the mean image, or of new_height and
    new_width; where neither says it, the net's own size. NotHere where there is no mean file.
    Source: DataTransformer, ImageDataLayer.
    """
    transform, images = layer.transform_param, layer.image_data_param
    made = replace(plain, scale=float(transform.scale))
    frame = (int(images.new_height), int(images.new_width))
    if _holds(frame, plain):
        made = replace(made, resize=frame)
    if len(transform.mean_value):
        values = np.array(transform.mean_value, np.float32)
        mean = fitted_mean(values, plain.channels, [], f"layer {layer.name!r}: mean_value")
        return replace(made, mean=mean)
    if not transform.mean_file:
        return made
    path = found(transform.mean_file, folder)
    if not os.path.exists(path):
        what = f"layer {layer.name!r} takes away the mean of {path}, which is not here"
        hint = "give its place or its values by --mean, as in --mean 104,117,123, or --mean 0"
        raise NotHere(what, None, hint)
    image = read_binaryproto(path)
    size = (int(image.shape[-2]), int(image.shape[-1]))
    if _holds(size, plain) and not made.resize:
        made = replace(made, resize=size)
    sizes = [made.frame, (made.height, made.width)]
    return replace(made, mean=fitted_mean(image, plain.channels, sizes, path))


def _holds(size: tuple[int, int], plain: Preparation) -> bool:
    """Whether images of that size are larger than the net's, which is cut out of them."""
    is_larger = size[0] >= plain.height and size[1] >= plain.width
    return is_larger and size != (plain.height, plain.width)
