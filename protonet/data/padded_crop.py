"""Scale, pad, crop and mirror an image and its labels alike, as DeepLab trains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.data.definition import Definition
from protonet.data.extras import need
from protonet.data.image_decode import MOST_PIXELS, Image
from protonet.data.label_map import nearest
from protonet.data.levels import Levels
from protonet.reading import taking

_KNOWN = {
    *("scale", "mirror", "crop_size", "crop_height", "crop_width", "mean_value", "scale_factors"),
}


class PaddedCrop:
    """Draws for each image its mirror, its scale factor and in TRAIN the corner of its crop.

    What is smaller than the crop is padded, below and at the right, with the mean and the label
    to ignore. Source: DataTransformer::TransformImgAndSeg.
    """

    def __init__(self, definition: Definition, ignore: int) -> None:
        self._t: Any = definition.layer.transform_param
        self._ignore = ignore
        if self._t.HasField("mean_file"):
            what = "it takes no mean_file"
            raise definition.error(what, "transform_param", "mean_file", hint="give mean_value")
        definition.refuse_others(self._t, _KNOWN, "transform_param")
        self.crop = self._wanted(definition)
        self._factors = np.array(self._t.scale_factors, np.float32)
        if (self._factors <= 0).any():
            what = f"a scale factor of {self._factors.min():g} leaves nothing of an image"
            at = int(np.argmin(self._factors))
            raise definition.error(what, "transform_param", "scale_factors", at)
        self.levels = Levels(definition)
        self._draws_corner = definition.training and self.crop is not None

    def _wanted(self, definition: Definition) -> tuple[int, int] | None:
        t = self._t
        given = [f for f in ("crop_height", "crop_width") if t.HasField(f)]
        if t.HasField("crop_size") and given:
            what = f"crop_size and {given[0]} are both given"
            hint = "give crop_size, or crop_height and crop_width"
            raise definition.error(what, "transform_param", given[0], hint=hint)
        if len(given) == 1:
            missing = ({"crop_height", "crop_width"} - set(given)).pop()
            what = f"{given[0]} is given without {missing}"
            raise definition.error(what, "transform_param", given[0], hint="give both")
        crop = (t.crop_height, t.crop_width) if given else (t.crop_size,) * 2
        return crop if all(crop) else None

    @property
    def columns(self) -> int:
        """How many random numbers an image takes."""
        return int(self._t.mirror) + bool(self._factors.size) + 2 * self._draws_corner

    def size(self, height: int, width: int) -> tuple[int, int]:
        """What an image of that height and width becomes."""
        return self.crop or (height, width)

    def cut(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        """The part of an image (h, w) or (h, w, channels) and of its labels (h, w).

        ValueError where it is smaller than the crop and there is no mean to pad it with.
        """
        drawn = iter(numbers)
        mirror = bool(self._t.mirror) and next(drawn) % 2 == 1
        if self._factors.size:
            factor = self._factors[next(drawn) % self._factors.size]
            image, labels = _scaled(image, labels, factor)
        if self.crop is not None:
            image, labels = self._padded(image, labels)
            rows, columns = (image.shape[axis] - self.crop[axis] for axis in (0, 1))
            top, left = rows // 2, columns // 2
            if self._draws_corner:
                top, left = next(drawn) % (rows + 1), next(drawn) % (columns + 1)
            window = np.s_[top : top + self.crop[0], left : left + self.crop[1]]
            image, labels = image[window], labels[window]
        return (image[:, ::-1], labels[:, ::-1]) if mirror else (image, labels)

    def _padded(self, image: Image, labels: Image) -> tuple[Image, Image]:
        assert self.crop is not None
        height, width = (max(0, self.crop[axis] - image.shape[axis]) for axis in (0, 1))
        if not (height or width):
            return image, labels
        if not self.levels.given:
            shown = f"{image.shape[0]}x{image.shape[1]}"
            limit = f"{self.crop[0]}x{self.crop[1]}"
            raise ValueError(f"it is {shown}, smaller than {limit}, and no mean_value fills it up")
        channels = 1 if image.ndim == 2 else image.shape[2]
        size = image.shape[0] + height, image.shape[1] + width
        larger: NDArray[np.float32] = np.empty((*size, *image.shape[2:]), np.float32)
        larger[...] = self.levels.means(channels) if image.ndim == 3 else self.levels.means(1)[0]
        larger[: image.shape[0], : image.shape[1]] = image
        ignored = np.full(size, self._ignore, np.uint8)
        ignored[: labels.shape[0], : labels.shape[1]] = labels
        return larger, ignored


def _scaled(image: Image, labels: Image, factor: np.float32) -> tuple[Image, Image]:
    if factor == 1:
        return image, labels
    height, width = (int(np.float32(n) * factor) for n in image.shape[:2])
    if not 0 < height * width <= MOST_PIXELS:
        raise ValueError(f"a scale factor of {factor:g} would make it {height}x{width}")
    cv2: Any = need("cv2", "an image that is scaled")
    with taking(f"OpenCV can't resize it to {height}x{width}"):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image, nearest(labels, height, width)
