"""The mean image that a transformation subtracts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protonet.data.definition import Definition
from protonet.schema.blobs import read_binaryproto


def read_mean(definition: Definition) -> NDArray[np.float32]:
    """The mean image of a layer's mean_file as (channels, height, width), float32.

    NetError where it can't be read or is no image.
    """
    name = definition.layer.transform_param.mean_file
    place = ("transform_param", "mean_file")
    with definition.placing(*place):
        blob = read_binaryproto(definition.readable(name, *place))
    mean = np.asarray(blob, np.float32)
    shape = tuple(mean.shape)
    if mean.ndim not in (3, 4) or (mean.ndim == 4 and shape[0] != 1):
        shown = "x".join(str(n) for n in shape)
        what = f"the mean file {name!r} holds {shown}, and not one image"
        raise definition.error(what, *place)
    return mean.reshape(shape[-3:])
