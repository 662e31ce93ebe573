"""SegData: one image with its map of labels at a time, as yjxiong's fork reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.definition import Definition, Seeds
from protonet.data.extras import need
from protonet.data.feed import feeds
from protonet.data.image_decode import MOST_PIXELS, Image
from protonet.data.image_files import Size
from protonet.data.label_map import nearest
from protonet.data.levels import Levels
from protonet.data.pair_batches import PairFeed
from protonet.data.pair_list import Pair
from protonet.reading import taking

_KNOWN = {
    *("scale", "mirror", "mean_value", "scale_ratios"),
    *("stride", "upper_size", "upper_height", "upper_width"),
}
_SHUFFLE_SEED = 17  # the fork's, whatever the net's is
_TRIES = 10
_MOST_OF_ONE = 0.8
_STEPS = 1000


@feeds
class SegFeed(PairFeed):
    """An image and its map of labels, scaled at random and cut to a multiple of ``stride``.

    Each is as large as its image allows, at most upper_size or upper_height by upper_width. With
    ``balance`` it is cut anew, up to ten times, where one label has more than 0.8 of the pixels.
    Source: SegDataLayer and DataTransformer of yjxiong's Caffe fork.
    """

    type = "SegData"
    field = "seg_data_param"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition, 1)
        self._t: Any = definition.layer.transform_param
        definition.refuse_others(self._t, _KNOWN, "transform_param")
        self._root = self._p.root_dir
        self._levels = Levels(definition)
        self._ratios = np.array(self._t.scale_ratios, np.float32)
        self._refuse_wrong()
        self._each = int(self._t.mirror) + 3
        self.columns = self._each * (1 + _TRIES * bool(self._p.balance))
        seeds = Seeds(definition)
        if self._t.mirror:
            seeds.own()  # of the transformer's first generator, which is replaced
        self.start(seeds, _SHUFFLE_SEED)

    def _refuse_wrong(self) -> None:
        error = self.definition.error
        if self._t.stride < 1:
            what = f"stride must be positive, it is {self._t.stride}"
            raise error(what, "transform_param", "stride")
        count = self._ratios.size
        if count not in (0, 2):
            what = f"scale_ratios is given {count} times, and takes the least and the most"
            raise error(what, "transform_param", "scale_ratios", count - 1)
        if count and not 0 < self._ratios[0] <= self._ratios[1]:
            low, high = self._ratios.tolist()
            what = f"scale_ratios from {low:g} to {high:g} are none"
            raise error(what, "transform_param", "scale_ratios", 0, hint="give the least first")
        for field in ("upper_size", "upper_height", "upper_width"):
            if self._t.HasField(field) and getattr(self._t, field) < 1:
                what = f"{field} must be positive, it is {getattr(self._t, field)}"
                raise error(what, "transform_param", field)

    def read(self, pair: Pair) -> tuple[Image, Image]:
        image, labels = self.image_file(pair, Size(), True), self.label_file(pair)
        if labels.shape != image.shape[:2]:
            shown = [f"{height}x{width}" for height, width in (labels.shape, image.shape[:2])]
            raise ValueError(f"its map of labels is {shown[0]}, and the image {shown[1]}")
        return image, labels

    def first(self, image: Image, labels: Image) -> tuple[Image, Image]:
        """As large as without its scale, as the fork shapes its blobs first."""
        height, width = self._cut_size(*image.shape[:2])
        return image[:height, :width], labels[:height, :width]

    def _cut_size(self, height: int, width: int) -> tuple[int, int]:
        t = self._t
        size = height // t.stride * t.stride, width // t.stride * t.stride
        if t.HasField("upper_size"):
            size = min(size[0], t.upper_size), min(size[1], t.upper_size)
        elif t.HasField("upper_height") and t.HasField("upper_width"):
            size = min(size[0], t.upper_height), min(size[1], t.upper_width)
        if not all(size):
            raise ValueError(f"it is {height}x{width}, smaller than the stride {t.stride}")
        return size

    def cut(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        found = self._once(image, labels, numbers[: self._each])
        for start in range(self._each, self.columns, self._each):
            if np.bincount(found[1].ravel()).max() <= _MOST_OF_ONE * found[1].size:
                break
            found = self._once(image, labels, numbers[start : start + self._each])
        return found

    def _once(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        *mirror, scale, down, across = numbers
        image, labels = self._scaled(image, labels, scale)
        height, width = self._cut_size(*labels.shape)
        top = down % (labels.shape[0] - height + 1)
        left = across % (labels.shape[1] - width + 1)
        window = np.s_[top : top + height, left : left + width]
        image, labels = image[window], labels[window]
        turned = bool(mirror and mirror[0] % 2)
        return (image[:, ::-1], labels[:, ::-1]) if turned else (image, labels)

    def _scaled(self, image: Image, labels: Image, number: int) -> tuple[Image, Image]:
        """Steps of a thousandth from the least ratio to the most, in the fork's precision."""
        if not self._ratios.size:
            return image, labels
        low, high = self._ratios
        steps = int(float(high - low) * _STEPS)
        ratio = np.float32(number % (steps + 1) / _STEPS + float(low))
        height, width = (int(float(np.float32(n) * ratio) + 0.5) for n in labels.shape)
        if (height, width) == labels.shape:
            return image, labels
        if not 0 < height * width <= MOST_PIXELS:
            raise ValueError(f"a scale of {ratio:g} would make it {height}x{width}")
        cv2: Any = need("cv2", "an image that is scaled")
        with taking(f"OpenCV can't resize it to {height}x{width}"):
            image = cv2.resize(image, (width, height))
        return image, nearest(labels, height, width)

    def write(self, image: Array, out: Floats) -> None:
        self._levels.write(image, out)
