"""The mean that is subtracted from a volume: all frames of a clip, or all their channels."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Floats
from protonet.data.definition import Definition
from protonet.schema.blobs import read_binaryproto

_PLACE = ("transform_param", "mean_file")


def read_volume_mean(definition: Definition, axes: int) -> Floats | None:
    """The mean of a layer's mean_file, with so many axes; None where it names none.

    NetError where it can't be read or is not one volume.
    """
    transform = definition.layer.transform_param
    if not transform.HasField("mean_file"):
        return None
    with definition.placing(*_PLACE):
        path = definition.readable(transform.mean_file, *_PLACE)
        mean = np.asarray(read_binaryproto(path), np.float32)
    if mean.ndim == axes + 1 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim != axes:
        shown = "x".join(str(n) for n in mean.shape)
        what = f"the mean file {transform.mean_file!r} holds {shown}, and not one of {axes} axes"
        raise definition.error(what, *_PLACE)
    return mean
