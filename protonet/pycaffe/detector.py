"""Detector: a net that classifies windows of images, with some context around them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.pycaffe.images import load_image
from protonet.pycaffe.inputs import ModelPath, Preprocessing
from protonet.pycaffe.resizing import resize_image


class Detector(Preprocessing):
    """A net in TEST that is given windows of images, warped to the size of its first input.

    ``context_pad`` is how many pixels of the net's input, on each side, show what is around a
    window; beyond the image they are the mean. Source: pycaffe's Detector.
    """

    def __init__(
        self,
        model_file: ModelPath,
        pretrained_file: ModelPath,
        mean: Any = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def detect_windows(
        self, images_windows: Iterable[tuple[ModelPath, Any]]
    ) -> list[dict[str, Any]]:
        """The net's first output for each window of each image.

        ``images_windows`` are pairs of an image's file and its windows, (ymin, xmin, ymax, xmax).
        Gives dicts of filename, window and prediction. ValueError where there is no window.
        """
        pairs = [(name, list(windows)) for name, windows in images_windows]
        flat = [(name, window) for name, windows in pairs for window in windows]
        if not flat:
            raise ValueError("there is no window to look at")
        made = []
        for name, windows in pairs:
            image = load_image(name)
            crops = [self.crop(image, window) for window in windows]
            made += [self.transformer.preprocess(self.inputs[0], crop) for crop in crops]
        given: dict[str, Any] = {self.inputs[0]: np.stack(made)}
        found = self.forward_all(**given)[self.outputs[0]]
        return [
            {"window": window, "prediction": prediction, "filename": name}
            for (name, window), prediction in zip(flat, found, strict=True)
        ]

    def detect_selective_search(self, image_fnames: Iterable[ModelPath]) -> list[dict[str, Any]]:
        """detect_windows on the windows that Selective Search proposes.

        ImportError where selective_search_ijcv_with_python, which runs MATLAB, is not installed.
        """
        import selective_search_ijcv_with_python as selective_search

        names = [os.path.abspath(name) for name in image_fnames]
        windows = selective_search.get_windows(names, cmd="selective_search_rcnn")
        return self.detect_windows(zip(names, windows, strict=True))

    def configure_crop(self, context_pad: int | None) -> None:
        """Set how much context is taken around a window, and what stands beyond the image."""
        name = self.inputs[0]
        order = self.transformer.transpose[name]
        inverse = [order[axis] for axis in order]
        self.crop_dims = np.array(self.blobs[name].data.shape[1:])[inverse]
        self.context_pad = context_pad
        self.crop_mean: Array = np.zeros(self.crop_dims, np.float32)
        mean = self.transformer.mean.get(name)
        if context_pad and mean is not None:
            self.crop_mean = mean.copy().transpose(inverse)
            if (swap := self.transformer.channel_swap.get(name)) is not None:
                self.crop_mean = self.crop_mean[:, :, np.argsort(swap)]
            if (scale := self.transformer.raw_scale.get(name)) is not None:
                self.crop_mean = self.crop_mean / scale

    def crop(self, im: Array, window: Any) -> Array:
        """A window (ymin, xmin, ymax, xmax) of an image (h, w, k), in its context if there is one.

        AssertionError where it lies outside of the image.
        """
        window = np.asarray(window)
        if not self.context_pad:
            top, left, bottom, right = window.astype(int)
            return im[top:bottom, left:right]
        size = int(self.blobs[self.inputs[0]].width)  # a square is taken for granted
        box = self._in_context(window, size)
        scale = size / (box[2:] - box[:2] + 1)  # of the height, of the width
        before = np.array([round(n) for n in np.maximum(0, -box[:2]) * scale])
        clipped = np.clip(box, 0, np.tile(im.shape[:2], 2))
        extent = clipped[2:] - clipped[:2] + 1
        if not (extent > 1).all():  # no pixel of the image is in it
            raise AssertionError(f"the window {window.tolist()} lies outside of its image")
        rows, columns = np.minimum([round(n) for n in extent * scale], size - before)
        top, left, bottom, right = clipped.astype(int)
        inner = resize_image(im[top:bottom, left:right], (rows, columns))
        made = np.ones(self.crop_dims, np.float32) * self.crop_mean
        made[before[0] : before[0] + rows, before[1] : before[1] + columns] = inner
        return made

    def _in_context(self, window: Array, size: int) -> Array:
        """The box around a window that, warped to the net's size, shows the context too."""
        assert self.context_pad
        half = (window[2:] - window[:2] + 1) / 2.0
        centre = np.tile(window[:2] + half, 2)
        scale = size / (1.0 * size - self.context_pad * 2)
        return np.asarray(np.round(centre + scale * np.concatenate([-half, half])))
