"""What an AnnotatedData layer does to an image and its boxes, once the random part is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.datum import planes
from protonet.data.definition import Definition
from protonet.data.detection.boxes import WHOLE, Boxes, Emit, cut
from protonet.data.detection.cropping import cropped, cropped_beyond
from protonet.data.detection.distortion import distorted
from protonet.data.detection.drawn import Drawn
from protonet.data.detection.noise import noised
from protonet.data.detection.record import Annotated
from protonet.data.detection.resizing import Resize
from protonet.data.detection.settings import crop_of
from protonet.data.detection.source import image_of
from protonet.data.interleaved import is_interleaved, subtract_interleaved
from protonet.data.mean_file import read_mean


@dataclass(frozen=True, eq=False)
class ReadyImage:
    """An image of 8 bits that is to be written into a batch, and its boxes."""

    image: Array
    mirror: bool
    boxes: Boxes


class Recipe:
    """The steps of one layer. Source: DataTransformer of SSD's fork.

    The fork encodes an image as JPEG between the steps and decodes it again; here it stays as it
    is, as in Intel's. An image that is no file is treated as one that is; the fork does not
    distort it, and expands it with spaces.
    """

    def __init__(self, definition: Definition, resizes: list[Resize], beyond: bool) -> None:
        self.p: Any = definition.layer.transform_param
        self._training = definition.training
        self._color = bool(self.p.force_color) if self.p.force_color or self.p.force_gray else None
        self._resizes = resizes
        self._crop = crop_of(self.p)
        self._emit = Emit.of(self.p)
        self._means = np.array(self.p.mean_value, np.float32)
        stated = self.p.HasField("mean_file")
        self._mean = read_mean(definition) if stated else None
        self._cropped: Callable[[Array, Floats], Array] = cropped_beyond if beyond else cropped
        self._beyond = beyond
        changing = ("distort_param", "expand_param", "noise_param")
        self._changing = next((name for name in changing if self.p.HasField(name)), None)

    def size(self, height: int, width: int, policy: int = 0) -> tuple[int, int]:
        """The size of an image of that size in a batch. ValueError where it is below the crop."""
        if self._resizes:
            resize = self._resizes[policy]
            height, width = resize.size(height, width)
        if height < self._crop[0] or width < self._crop[1]:
            raise ValueError(f"it is {height}x{width}, smaller than the crop {self._crop}")
        return self._crop if any(self._crop) else (height, width)

    def image(self, item: Annotated) -> Array:
        """The image of a record. ValueError where it can't be taken."""
        image = image_of(item.datum, self._color)
        if image.dtype != np.uint8 and self._changing:
            raise ValueError(f"its values are floats, and {self._changing} takes 8 bits")
        return image

    def prepare(self, item: Annotated, drawn: Drawn, policy: int) -> ReadyImage:
        """The image and the boxes before what is arithmetic. ValueError where it can't be."""
        return self.prepared(self.image(item), item.boxes, drawn, policy)

    def prepared(self, image: Array, boxes: Boxes, drawn: Drawn, policy: int) -> ReadyImage:
        """The same of an image that is no record's."""
        image = distorted(image, drawn.changes)
        if drawn.expansion is not None:
            boxes = cut(boxes, drawn.expansion.window(*image.shape[:2]), self._emit)
            image = drawn.expansion.apply(image, self._means)
        if drawn.zoom is not None:
            image, boxes = drawn.zoom.image(image), drawn.zoom.boxes(boxes)
        if drawn.window is not None:
            image = self._cropped(image, drawn.window)
            window = drawn.window if self._beyond else np.clip(drawn.window, 0, 1)
            boxes = cut(boxes, window, self._emit)
        resize = self._resizes[policy] if self._resizes else None
        size = image.shape[0], image.shape[1]
        image = self._resized(image, resize, drawn)
        image, window = self._center(image, drawn)
        boxes = cut(boxes, window, self._emit, drawn.mirror, resize, size)
        return ReadyImage(image, drawn.mirror, boxes)

    def _resized(self, image: Array, resize: Resize | None, drawn: Drawn) -> Array:
        """With its colours in their order, resized, with noise."""
        if self.p.cvt_bgr2rgb and image.ndim == 3:
            image = np.ascontiguousarray(image[..., ::-1])
        if resize is not None:
            image = resize.apply(image, drawn.way)
        if self.p.HasField("noise_param"):
            image = noised(image, self.p.noise_param, drawn.specks)
        return image

    def _center(self, image: Array, drawn: Drawn) -> tuple[Array, Floats]:
        """What is cut out of the image, and where in parts of it; in TRAIN at random."""
        height, width = image.shape[:2]
        rows, columns = self._crop
        if not rows:
            return image, WHOLE
        if height < rows or width < columns:
            raise ValueError(f"it is {height}x{width}, smaller than the crop {rows}x{columns}")
        if self._training:
            top = drawn.place[0] % (height - rows + 1)
            left = drawn.place[1] % (width - columns + 1)
        else:
            top, left = (height - rows) // 2, (width - columns) // 2
        corners = np.array([left, top, left + columns, top + rows], np.float32)
        window = corners / np.array([width, height] * 2, np.float32)
        self._check_mean(height, width)
        return image[top : top + rows, left : left + columns], window.astype(np.float32)

    def _check_mean(self, height: int, width: int) -> None:
        """ValueError where the fork would take away the mean of other places than the crop's."""
        if self._mean is not None and (height, width) != self._crop:
            shown = f"{self._crop[0]}x{self._crop[1]} are cut out of {height}x{width}"
            raise ValueError(f"{shown}, and the mean file is for the whole image")

    def write(self, prepared: ReadyImage, out: Floats) -> None:
        """(pixel - mean) * scale into (channels, height, width), mirrored where that was drawn.

        ValueError where sizes don't fit. The mean image is not mirrored, as in the fork.
        """
        image = planes(prepared.image)
        if image.shape != out.shape:
            raise ValueError(f"it gives {_show(image.shape)}, the batch holds {_show(out.shape)}")
        mean = self._mean_of(out.shape)
        if is_interleaved(image):
            subtract_interleaved(image, mean, prepared.mirror, out)
        else:
            out[...] = image[:, :, ::-1] if prepared.mirror else image
            out -= np.float32(0) if mean is None else mean
        if self.p.scale != 1:
            out *= np.float32(self.p.scale)

    def _mean_of(self, shape: tuple[int, ...]) -> Floats | None:
        """What to subtract from images of a shape. ValueError where it is for others."""
        if self._mean is not None and self._mean.shape != shape:
            what = f"it is {_show(shape)}, but the mean file is {_show(self._mean.shape)}"
            raise ValueError(what)
        if self._mean is not None or not self._means.size:
            return self._mean
        if self._means.size not in (1, shape[0]):
            what = f"mean_value is given {self._means.size} times for {shape[0]} channels"
            raise ValueError(what)
        each: Floats = np.broadcast_to(self._means, shape[:1])[:, None, None]
        return each


def _show(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)
