"""Pixels less the mean of their channel, times the scale: what becomes of values alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.definition import Definition


class Levels:
    """A transformation's mean values and scale.

    There is one mean for all channels or one for each; where they are ``repeated`` (frames of a
    video, whose channels follow one another) it may be one for each of a part of them.
    NetError where mean_file is given too. Source: DataTransformer::Transform of Caffe's forks.
    """

    def __init__(self, definition: Definition, *, repeated: bool = False) -> None:
        transform: Any = definition.layer.transform_param
        self._means = np.array(transform.mean_value, np.float32)
        self._scale = np.float32(transform.scale)
        self._repeated = repeated
        if self._means.size and transform.HasField("mean_file"):
            what = "mean_file and mean_value are both given"
            hint = "give one of them"
            raise definition.error(what, "transform_param", "mean_value", 0, hint=hint)

    @property
    def given(self) -> bool:
        """Whether there are mean values."""
        return bool(self._means.size)

    def means(self, channels: int) -> Floats:
        """The mean of each channel, (channels,). ValueError where so many have none."""
        count = self._means.size
        if not count:
            return np.zeros(channels, np.float32)
        if count != 1 and (channels % count if self._repeated else channels != count):
            raise ValueError(f"mean_value is given {count} times for {channels} channels")
        return np.resize(self._means, channels)

    def write(self, planes: Array, out: Floats, mean: Floats | None = None) -> None:
        """Write (channels, ...) values into ``out``, less the mean, or an image of means.

        ValueError where the mean values do not fit.
        """
        if mean is None and self.given:
            mean = self.means(planes.shape[0]).reshape(-1, *[1] * (planes.ndim - 1))
        out[...] = planes
        if mean is not None:
            np.subtract(out, mean, out=out)
        if self._scale != 1:
            np.multiply(out, self._scale, out=out)
