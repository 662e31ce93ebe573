"""A patch of an image painted over at random, of yuqj1991's ImageData."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from protonet.arrays import Array
from protonet.data.definition import Definition
from protonet.data.detection.stream import Stream

_FIELD = "image_data_param"


class Patch(NamedTuple):
    """Where a patch lies, in parts of an image."""

    left: np.float32
    top: np.float32
    width: np.float32
    height: np.float32


@dataclass(frozen=True)
class Erasing:
    """How often a patch is painted over, how large, and in what colour.

    Source: ImageDataLayer::get_random_erasing_box; Zhong et al., Random Erasing (2017).
    """

    probability: np.float32
    scales: tuple[float, float]
    ratios: tuple[float, float]
    colour: tuple[int, ...]

    @classmethod
    def of(cls, definition: Definition) -> Erasing:
        """From an ImageDataParameter. NetError where the fork stops at a patch."""
        p: Any = definition.layer.image_data_param
        most = p.max_aspect_ratio if p.HasField("max_aspect_ratio") else 1.0
        means = definition.layer.transform_param.mean_value
        made = cls(
            np.float32(p.probability),
            (p.lower, p.higher),
            (p.min_aspect_ratio, most),
            tuple(int(value) & 255 for value in means),
        )
        if made.probability < 1:
            made.check(definition, p.is_color)
        return made

    def check(self, definition: Definition, color: bool) -> None:
        """NetError where there can be no such patch."""
        if not 0 < self.scales[0] <= self.scales[1] <= 1:
            what = "lower {:g} and higher {:g} are no range within 0 to 1".format(*self.scales)
            raise definition.error(what, _FIELD, "probability")
        if not 0 < self.ratios[0] <= self.ratios[1] < 1:
            what = "min_aspect_ratio {:g} and max_aspect_ratio {:g} are no range within 0 to 1"
            raise definition.error(what.format(*self.ratios), _FIELD, "probability")
        if len(self.colour) < 3 or not color:
            what = f"a patch is painted in three mean_value, and there are {len(self.colour)}"
            what = what if color else "a patch is painted in three colours, and is_color is false"
            raise definition.error(what, _FIELD, "probability")

    def draw(self, stream: Stream) -> Patch | None:
        """A patch, or none, as often as ``probability`` says."""
        if not stream.uniform(0, 1) > self.probability:
            return None
        scale = stream.uniform(*self.scales)
        ratio = stream.uniform(*self.ratios)
        square = scale * scale
        ratio = np.minimum(np.maximum(ratio, square), 1 / square)
        width, height = scale * np.sqrt(ratio), scale / np.sqrt(ratio)
        left = stream.uniform(0, float(np.float32(1) - width))
        return Patch(left, stream.uniform(0, float(np.float32(1) - height)), width, height)

    def apply(self, image: Array, patch: Patch) -> Array:
        """The image (h, w, 3) with the patch painted over."""
        height, width = image.shape[:2]
        left, top = int(patch.left * width), int(patch.top * height)
        right, bottom = left + int(patch.width * width), top + int(patch.height * height)
        painted: Array = image.copy()
        painted[top:bottom, left:right] = self.colour[:3]
        return painted
