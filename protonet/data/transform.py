"""Crop, mirror, mean and scale: what Caffe's DataTransformer does to an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Array, Floats
from protonet.data.color_noise import ColorNoise
from protonet.data.definition import Definition, Seeds
from protonet.data.interleaved import is_interleaved, subtract_interleaved
from protonet.data.mean_file import read_mean
from protonet.data.random import Random

Draws = tuple[NDArray[np.uint32], NDArray[np.float64]]
_KNOWN = {
    *("scale", "mirror", "crop_size", "mean_file", "mean_value"),
    *("force_color", "force_gray", "color_noise"),
    "use_gpu_transform",  # of a fork: where, not what
}


class Transform:
    """The transformation of a data layer: the random part drawn in order, the rest on any thread.

    In TRAIN crops are taken at random, else from the centre. Each value becomes
    (value - mean) * scale. Source: DataTransformer.
    """

    def __init__(self, definition: Definition, seeds: Seeds) -> None:
        self._definition = definition
        self.p: Any = definition.layer.transform_param
        definition.refuse_others(self.p, _KNOWN, "transform_param")
        self._mean = self._mean_of_file()
        self._values = np.array(self.p.mean_value, np.float32)
        self._scale = np.float32(self.p.scale)
        self._crops = definition.training and self.p.crop_size > 0
        self._noise = ColorNoise.of(definition) if definition.training else None
        moves = self.p.crop_size or self.p.mirror or self._noise
        self._only_scales = not moves and self._mean is None and not self._values.size
        if self.p.force_color and self.p.force_gray:
            what = "force_color and force_gray are both set"
            raise definition.error(what, "transform_param", "force_gray", hint="set one of them")
        self.random = Random(definition.seed)
        self.seed(seeds)

    def seed(self, seeds: Seeds) -> None:
        """Start the random numbers anew, as Caffe does once before and once after a layer's set-up.

        Source: DataTransformer::InitRand, BasePrefetchingDataLayer::LayerSetUp.
        """
        if self.p.mirror or self._crops:
            self.random = Random(seeds.own())
        else:
            self.random = Random(self._definition.seed + self._definition.rank)

    @property
    def color(self) -> bool | None:
        """What an encoded image is forced to: colour, gray, or None for neither."""
        if not (self.p.force_color or self.p.force_gray):
            return None
        return bool(self.p.force_color)

    def _mean_of_file(self) -> tuple[Floats, Floats] | None:
        """The mean image, as it is and mirrored."""
        if not self.p.HasField("mean_file"):
            return None
        if len(self.p.mean_value):
            what = "mean_file and mean_value are both given"
            hint = "give one of them"
            raise self._definition.error(what, "transform_param", "mean_value", 0, hint=hint)
        mean = read_mean(self._definition)
        return mean, np.ascontiguousarray(mean[:, :, ::-1])

    def draw(self, count: int) -> Draws:
        """The random numbers of ``count`` images: for each those of mirror, then of the crop."""
        columns = int(self.p.mirror) + 2 * int(self._crops)
        raw = self.random.raw(count * columns).reshape(count, columns)
        noise = self.random.normal(count, 3) if self._noise else np.zeros((count, 0))
        return raw, noise

    def size(self, channels: int, height: int, width: int) -> tuple[int, int, int]:
        """The shape of a transformed image. ValueError where it is smaller than the crop."""
        crop = self.p.crop_size
        if not crop:
            return channels, height, width
        if height < crop or width < crop:
            raise ValueError(f"it is {height}x{width}, smaller than crop_size {crop}")
        return channels, crop, crop

    def apply(self, image: Array, draws: Draws, row: int, out: Floats) -> None:
        """Write the transformed image into ``out``. ValueError where sizes don't fit.

        ``image`` is (channels, height, width), uint8 or float32.
        """
        size = self.size(*image.shape)
        if size != out.shape:
            raise ValueError(f"it gives {_show(size)}, and the batch holds {_show(out.shape)}")
        if self._only_scales:
            np.multiply(image, self._scale, out=out, dtype=np.float32)
            return
        numbers = draws[0][row].tolist()
        mirror = bool(self.p.mirror and numbers.pop(0) % 2)
        top, left = self._corner(image.shape, numbers)
        window = (slice(None), slice(top, top + size[1]), slice(left, left + size[2]))
        self._combine(image[window], self._mean_for(image.shape, window, mirror), mirror, out)
        if self._noise:
            self._noise.add(out, draws[1][row])
        if self._scale != 1:
            np.multiply(out, self._scale, out=out)

    def _combine(self, image: Array, mean: Floats | None, mirror: bool, out: Floats) -> None:
        """Write the image, mirrored where that is drawn, less what is subtracted from it then."""
        if is_interleaved(image):
            subtract_interleaved(image, mean, mirror, out)
            return
        out[...] = image[:, :, ::-1] if mirror else image
        if mean is not None:
            np.subtract(out, mean, out=out)

    def _corner(self, shape: tuple[int, ...], numbers: list[int]) -> tuple[int, int]:
        """The top and left of the window that is cut out."""
        crop = self.p.crop_size
        if not crop:
            return 0, 0
        high, wide = shape[1] - crop, shape[2] - crop
        if self._crops:
            return numbers[0] % (high + 1), numbers[1] % (wide + 1)
        return high // 2, wide // 2

    def _mean_for(
        self, shape: tuple[int, ...], window: tuple[slice, ...], mirror: bool
    ) -> Floats | None:
        """What to subtract from the window of an image of that shape, mirrored as that is."""
        if self._mean is not None:
            if self._mean[0].shape != shape:
                what = f"it is {_show(shape)}, but the mean file is {_show(self._mean[0].shape)}"
                raise ValueError(what)
            left, right = window[2].start, window[2].stop
            across = slice(shape[2] - right, shape[2] - left) if mirror else window[2]
            return self._mean[mirror][window[0], window[1], across]
        if not self._values.size:
            return None
        if self._values.size not in (1, shape[0]):
            what = f"mean_value is given {self._values.size} times for {shape[0]} channels"
            raise ValueError(what)
        return np.broadcast_to(self._values[:, None, None], (shape[0], 1, 1))


def _show(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)
