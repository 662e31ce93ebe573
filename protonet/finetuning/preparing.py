"""How images are brought to a net: the size they are stored in, the mean, the crop, the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.finetuning.asked import Asked
from protonet.schema.pool import Message
from protonet.weights.mean import read_mean

MEAN_FILE = "mean.binaryproto"
_STEP = 16


@dataclass(frozen=True)
class Prepared:
    """What is done to images: brought to ``stored``, (height, width), cut and shifted.

    ``mean`` is (c,) or an image (c, h, w) of the stored size; None is yet to be measured. ``train``
    and ``test`` are what a train_val states in transform_param, None of a deploy net.
    """

    channels: int
    stored: tuple[int, int]
    crop: int
    mean: Array | None
    scale: float
    mirror: bool
    train: Message | None = None
    test: Message | None = None

    def transform(self, target: Message, training: bool) -> None:
        """Fill in a transform_param."""
        stated = self.train if training else self.test
        if stated is not None:
            target.CopyFrom(stated)
        for name in ("scale", "mirror", "crop_size", "mean_file", "mean_value"):
            target.ClearField(name)
        for name in ("force_color", "force_gray"):  # all images are stored alike
            target.ClearField(name)
        if self.crop:
            target.crop_size = self.crop
        if self.mirror and training:
            target.mirror = True
        if self.mean is not None and self.mean.ndim == 3:
            target.mean_file = MEAN_FILE
        elif self.mean is not None and np.any(self.mean):
            target.mean_value.extend(float(value) for value in self.mean)
        if self.scale != 1:
            target.scale = self.scale


def prepared(
    asked: Asked,
    shape: tuple[int, int, int],
    transforms: tuple[Message, Message] | None,
    mean: Array | None,
) -> Prepared:
    """What a person says, else what a train_val states, else what is usual.

    ``shape`` is that of an input of the net, (c, h, w), ``transforms`` are its transform_params of
    TRAIN and TEST, and ``mean`` is the one that holds. NetError where sizes do not fit.
    """
    channels, height, width = shape
    train, test = transforms or (None, None)
    stored = _stored(asked, shape, mean)
    crop = height if stored != (height, width) else 0
    is_color = channels == 3
    mirror = train.mirror if train is not None else is_color and crop > 0
    scale = train.scale if train is not None else 1.0
    if mean is None and train is not None:
        mean = np.zeros(channels)
    return Prepared(
        channels,
        stored,
        crop,
        mean,
        scale if asked.scale is None else asked.scale,
        mirror if asked.mirror is None else asked.mirror,
        train,
        test,
    )


def _stored(asked: Asked, shape: tuple[int, int, int], mean: Array | None) -> tuple[int, int]:
    """The size to which images are brought. NetError where the net's input is not in it."""
    channels, height, width = shape
    image = tuple(mean.shape[1:]) if mean is not None and mean.ndim == 3 else None
    usual = (height, width)
    if channels == 3 and height == width:
        usual = (_larger(height), _larger(height))
    stored: tuple[int, int] = asked.size or (image and (image[0], image[1])) or usual
    if image is not None and stored != image:
        what = f"the mean image is {image[0]}x{image[1]}, and images are brought to "
        raise NetError(what + "{}x{}".format(*stored), None, "leave --resize out")
    if stored[0] < height or stored[1] < width:
        what = "images of {}x{} are smaller than".format(*stored)
        raise NetError(f"{what} the net's {height}x{width}", None, "give a larger --resize")
    if height != width and stored != (height, width):
        what = f"the net takes {height}x{width}, and crop_size cuts out squares only"
        raise NetError(what, None, f"give --resize {height}x{width}, or none")
    return stored


def _larger(side: int) -> int:
    """An eighth more, up to a multiple of 16: 256 for 224 and for 227, as is usual."""
    return -(-side * 9 // (8 * _STEP)) * _STEP


def told_mean(given: str, channels: int) -> Array:
    """The mean that --mean says: values, or a file. NetError where it does not fit the channels."""
    try:
        mean = np.array([float(value) for value in given.split(",")])
    except ValueError:
        return mean_of_file(given, channels)
    return _fitted(mean, channels, f"--mean {given}")


def mean_of_file(path: str, channels: int) -> Array:
    """The mean of a file, (c,) or (c, h, w)."""
    mean: Array = np.squeeze(read_mean(path))
    mean = mean[None] if mean.ndim == 2 else mean
    return _fitted(mean.reshape(-1) if mean.ndim < 2 else mean, channels, path)


def _fitted(mean: Array, channels: int, what: str) -> Array:
    if mean.ndim not in (1, 3) or mean.shape[0] not in (channels, 1):
        shape = "x".join(map(str, mean.shape))
        raise NetError(f"{what} has {shape} values, and the net takes {channels} channels")
    return np.broadcast_to(mean, (channels, *mean.shape[1:])) if mean.ndim == 1 else mean


def channels_stated(transforms: Sequence[Message]) -> int:
    """The channels that transform_params tell; 0 where they do not."""
    for transform in transforms:
        if transform.force_gray or transform.force_color:
            return 1 if transform.force_gray else 3
        if len(transform.mean_value) > 1:
            return len(transform.mean_value)
    return 0
