"""Transformer: images into what a net reads, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.pycaffe.resizing import resize_image


class Transformer:
    """How each input of a net is made from an image; ``inputs`` is {name: its blob's shape}.

    ValueError where a name is none of the inputs, or a setting does not fit its shape. Source:
    pycaffe's io.Transformer, whose order of steps and precision these are; an image that is given
    is not written into.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, Array] = {}
        self.input_scale: dict[str, float] = {}

    def _check_input(self, in_: str) -> None:
        if in_ not in self.inputs:
            raise ValueError(f"{in_} is not one of the net inputs: {list(self.inputs)}")

    def preprocess(self, in_: str, data: Array) -> Array:
        """An image (h', w', k) as a net's input (k, h, w), float32.

        It is resized, transposed, its channels reordered, multiplied by raw_scale, the mean taken
        from it, and multiplied by input_scale, each if it was set.
        """
        self._check_input(in_)
        made: Array = data.astype(np.float32)
        dims = tuple(self.inputs[in_][2:])
        if made.shape[:2] != dims:
            made = resize_image(made, dims)
        if (order := self.transpose.get(in_)) is not None:
            made = made.transpose(order)
        if (order := self.channel_swap.get(in_)) is not None:
            made = made[list(order), :, :]
        if (scale := self.raw_scale.get(in_)) is not None:
            made *= scale
        if (mean := self.mean.get(in_)) is not None:
            made -= mean
        if (scale := self.input_scale.get(in_)) is not None:
            made *= scale
        return made

    def deprocess(self, in_: str, data: Array) -> Array:
        """A net's input as the image that preprocess made it of, at the net's size."""
        self._check_input(in_)
        made: Array = data.copy().squeeze()
        if (scale := self.input_scale.get(in_)) is not None:
            made /= scale
        if (mean := self.mean.get(in_)) is not None:
            made += mean
        if (scale := self.raw_scale.get(in_)) is not None:
            made /= scale
        if (order := self.channel_swap.get(in_)) is not None:
            made = made[np.argsort(order), :, :]
        if (order := self.transpose.get(in_)) is not None:
            made = made.transpose([int(n) for n in np.argsort(order)])
        return made

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """The order of axes: (2, 0, 1) makes channels the first of an (h, w, k) image."""
        self._check_input(in_)
        axes = len(self.inputs[in_]) - 1
        if len(order) != axes:
            what = f"an item of {in_} has {axes}, and {tuple(order)} is for {len(order)}"
            raise ValueError(f"a transpose order needs as many dimensions as the input: {what}")
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """The order of channels, once they are the first axis: (2, 1, 0) is RGB to BGR."""
        self._check_input(in_)
        channels = self.inputs[in_][1]
        if len(order) != channels:
            what = f"{in_} has {channels} channels, and {tuple(order)} is for {len(order)}"
            raise ValueError(f"a channel swap needs as many channels as the input: {what}")
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """What pixels are multiplied by before the mean is taken from them."""
        self._check_input(in_)
        self.raw_scale[in_] = scale

    def set_input_scale(self, in_: str, scale: float) -> None:
        """What is multiplied by at last, after the mean was taken."""
        self._check_input(in_)
        self.input_scale[in_] = scale

    def set_mean(self, in_: str, mean: Any) -> None:
        """The mean: a number a channel, or an image (k, h, w), resized where it must be."""
        self._check_input(in_)
        shape = tuple(self.inputs[in_][1:])
        mean = np.asarray(mean)
        if mean.ndim == 1:
            if len(mean) != shape[0]:
                what = f"{in_} has {shape[0]} channels, the mean has {len(mean)}"
                raise ValueError(f"mean channels incompatible with input: {what}")
            mean = mean[:, np.newaxis, np.newaxis]
        elif mean.ndim not in (2, 3):
            what = f"it has {mean.ndim} axes; take item 0 of a mean file's array"
            raise ValueError(f"mean shape invalid: {what}")
        elif ((1, *mean.shape) if mean.ndim == 2 else mean.shape) != shape:
            mean = _resized_mean(mean, shape)
        self.mean[in_] = mean


def _resized_mean(mean: Array, shape: tuple[int, ...]) -> Array:
    """A mean image (k, h', w') at the size of an input (k, h, w)."""
    mean = mean[np.newaxis] if mean.ndim == 2 else mean
    low, high = mean.min(), mean.max()
    span = high - low if high > low else 1
    resized = resize_image(((mean - low) / span).transpose(1, 2, 0), shape[1:])
    return np.asarray(resized.transpose(2, 0, 1) * span + low)
