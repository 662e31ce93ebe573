"""DenseImageData: images with maps of labels from a list, as SegNet and ENet read them."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import feeds
from protonet.data.image_decode import Image
from protonet.data.image_files import Size
from protonet.data.label_map import nearest
from protonet.data.pair_batches import PairFeed
from protonet.data.pair_list import Pair
from protonet.data.transform import Draws, Transform
from protonet.data.wanted_size import wanted_size

_KNOWN = {
    *("source", "batch_size", "rand_skip", "shuffle", "new_height", "new_width", "is_color"),
    *("root_folder", "mirror", "crop_width", "crop_height", "label_divide_factor"),
}


@feeds
class DenseImageFeed(PairFeed):
    """Images and maps of labels, mirrored and cropped alike, at random in TEST too.

    Labels are resized to the nearest of the old ones, with label_divide_factor to so many times
    less than the images. Source: DenseImageDataLayer of SegNet's and ENet's Caffe forks.
    """

    type = "DenseImageData"
    field = "dense_image_data_param"

    def __init__(self, definition: Definition) -> None:
        parameter = definition.layer.dense_image_data_param
        definition.refuse_others(parameter, _KNOWN, self.field)
        super().__init__(definition, definition.batch_size(parameter, self.field))
        self._refuse_alone()
        self._root = parameter.root_folder
        self._factor = int(parameter.label_divide_factor)
        self._size = wanted_size(definition, self.field)
        self._crop = wanted_size(definition, self.field, "crop_height", "crop_width")
        self._refuse_divided()
        seeds = Seeds(definition)
        self._transform = Transform(definition, seeds)
        self._draws: Draws = self._transform.draw(1)
        self.columns = int(parameter.mirror) + 2 * bool(self._crop[0])
        self.start(seeds)

    def _refuse_alone(self) -> None:
        """NetError where transform_param would turn or cut the image without its labels."""
        for field, other in (("mirror", "mirror"), ("crop_size", "crop_height and crop_width")):
            if getattr(self.definition.layer.transform_param, field):
                what = f"{field} of transform_param would change an image without its labels"
                hint = f"{self.field} has {other} for both"
                raise self.definition.error(what, "transform_param", field, hint=hint)

    def _refuse_divided(self) -> None:
        if self._factor < 1:
            what = "label_divide_factor must be positive, it is 0"
            raise self.definition.error(what, self.field, "label_divide_factor")
        if self._factor > 1 and self._crop[0]:
            what = f"label_divide_factor {self._factor} and a crop are both given"
            hint = "the crop would cut as much from the smaller labels: take one of them out"
            raise self.definition.error(what, self.field, "label_divide_factor", hint=hint)

    def read(self, pair: Pair) -> tuple[Image, Image]:
        image = self.image_file(pair, Size(*self._size), self._p.is_color)
        labels = self.label_file(pair)
        height, width = (n // self._factor for n in image.shape[:2])
        if self._size[0]:
            return image, nearest(labels, height, width)
        if labels.shape != (height, width):
            shown = f"{labels.shape[0]}x{labels.shape[1]}"
            what = f"its map of labels is {shown}, and {height}x{width} goes with the image"
            raise ValueError(what)
        return image, labels

    def cut(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        drawn = iter(numbers)
        if self._p.mirror and next(drawn) % 2:
            image, labels = image[:, ::-1], labels[:, ::-1]
        if not self._crop[0]:
            return image, labels
        spare = [image.shape[axis] - self._crop[axis] for axis in (0, 1)]
        if min(spare) < 0:
            shown = f"{image.shape[0]}x{image.shape[1]}"
            raise ValueError(f"it is {shown}, smaller than {self._crop[0]}x{self._crop[1]}")
        top, left = next(drawn) % (spare[0] + 1), next(drawn) % (spare[1] + 1)
        window = np.s_[top : top + self._crop[0], left : left + self._crop[1]]
        return image[window], labels[window]

    def write(self, image: Array, out: Floats) -> None:
        self._transform.apply(image, self._draws, 0, out)
