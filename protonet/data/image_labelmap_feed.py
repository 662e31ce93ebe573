"""ImageLabelmapData: images with maps of edges from a list, as HED reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import feeds
from protonet.data.image_decode import Image
from protonet.data.image_files import Size, resized
from protonet.data.levels import Levels
from protonet.data.pair_batches import PairFeed
from protonet.data.pair_list import Pair
from protonet.data.wanted_size import wanted_size

_KNOWN = {
    *("source", "batch_size", "rand_skip", "shuffle", "new_height", "new_width", "is_color"),
    "root_folder",
}
_TRANSFORM = {"scale", "mirror", "crop_size", "mean_value"}
_EDGE = 128  # of 255, what rounds to 1


@feeds
class ImageLabelmapFeed(PairFeed):
    """Images and maps of edges, a pixel of 128 or more being one; crops are random in TEST too.

    Source: ImageLabelmapDataLayer, LocTransform and LabelmapTransform of HED's Caffe fork.
    """

    type = "ImageLabelmapData"
    field = "image_data_param"

    def __init__(self, definition: Definition) -> None:
        parameter = definition.layer.image_data_param
        definition.refuse_others(parameter, _KNOWN, self.field)
        self._t: Any = definition.layer.transform_param
        definition.refuse_others(self._t, _TRANSFORM, "transform_param")
        super().__init__(definition, definition.batch_size(parameter, self.field))
        self._root = parameter.root_folder
        self._size = Size(*wanted_size(definition, self.field))
        self._levels = Levels(definition)
        seeds = Seeds(definition)
        if self._t.mirror or (definition.training and self._t.crop_size):
            seeds.own()  # of the transformer's first generator, which is replaced
        self.columns = int(self._t.mirror) + 2 * bool(self._t.crop_size)
        self.start(seeds)

    def read(self, pair: Pair) -> tuple[Image, Image]:
        image = self.image_file(pair, Size(), self._p.is_color)
        edges = self.label_file(pair)
        if edges.shape != image.shape[:2]:
            shown = [f"{height}x{width}" for height, width in (edges.shape, image.shape[:2])]
            raise ValueError(f"its map of labels is {shown[0]}, and the image {shown[1]}")
        return resized(image, self._size), (resized(edges, self._size) >= _EDGE).astype(np.uint8)

    def cut(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        drawn = iter(numbers)
        mirror = bool(self._t.mirror) and next(drawn) % 2 == 1
        if crop := self._t.crop_size:
            down, across = labels.shape[0] - crop, labels.shape[1] - crop
            if min(down, across) < 0:
                shown = f"{labels.shape[0]}x{labels.shape[1]}"
                raise ValueError(f"it is {shown}, smaller than crop_size {crop}")
            top, left = next(drawn) % (down + 1), next(drawn) % (across + 1)
            window = np.s_[top : top + crop, left : left + crop]
            image, labels = image[window], labels[window]
        return (image[:, ::-1], labels[:, ::-1]) if mirror else (image, labels)

    def write(self, image: Array, out: Floats) -> None:
        self._levels.write(image, out)
