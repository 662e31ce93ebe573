"""ImageSegData: images with maps of labels from a list, as DeepLab reads them."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import feeds
from protonet.data.image_decode import Image
from protonet.data.image_files import Size, resized
from protonet.data.label_map import nearest
from protonet.data.padded_crop import PaddedCrop
from protonet.data.pair_batches import PairFeed
from protonet.data.pair_list import IMAGE, NONE, PIXEL, Pair
from protonet.data.wanted_size import wanted_size

_KNOWN = {
    *("source", "batch_size", "rand_skip", "shuffle", "new_height", "new_width", "is_color"),
    *("root_folder", "ignore_label", "label_type"),
    *("cache", "precache", "threads"),  # of forks: how they read, not what
}
_KINDS = (NONE, IMAGE, PIXEL)
_MOST = 255


@feeds
class ImageSegFeed(PairFeed):
    """Images with a map of labels, one label for all pixels (IMAGE) or the ignored one (NONE).

    The third top holds each image's height and width before its scaling and padding, at most the
    batch's, (n, 1, 1, 2). With new_height and new_width a label becomes the nearest old one, as in
    DeconvNet's fork; DeepLab's mixes them linearly, which makes labels that are none. Source:
    ImageSegDataLayer of DeepLab's, PSPNet's and HyeonwooNoh's Caffe forks.
    """

    type = "ImageSegData"
    field = "image_data_param"

    def __init__(self, definition: Definition) -> None:
        parameter = definition.layer.image_data_param
        definition.refuse_others(parameter, _KNOWN, self.field)
        batch = definition.batch_size(parameter, self.field)
        self._kind = _KINDS[parameter.label_type]
        super().__init__(definition, batch, self._kind)
        self._root = parameter.root_folder
        self._ignore = self._ignored()
        self._size = Size(*wanted_size(definition, self.field))
        seeds = Seeds(definition)
        self._crop = PaddedCrop(definition, self._ignore)
        self.columns = self._crop.columns
        self._draw_as_the_fork(seeds)
        self.start(seeds)
        if len(definition.tops) > 2:
            self.shapes[definition.tops[2]] = (batch, 1, 1, 2)

    def _draw_as_the_fork(self, seeds: Seeds) -> None:
        """The seed of the transformer's first generator, which is replaced after the set-up."""
        if self.columns:
            seeds.own()

    def _ignored(self) -> int:
        label = int(self._p.ignore_label)
        if not 0 <= label <= _MOST:
            what = f"ignore_label {label} is not one of 0 to {_MOST}, which a pixel can have"
            raise self.definition.error(what, self.field, "ignore_label")
        return label

    def whole(self, pair: Pair) -> tuple[Image, Image]:
        """A pair as its files have it. ValueError where it can't be read."""
        image = self.image_file(pair, Size(), self._p.is_color)
        if self._kind == PIXEL:
            labels = self.label_file(pair)
            if labels.shape != image.shape[:2]:
                shown = [f"{height}x{width}" for height, width in (labels.shape, image.shape[:2])]
                what = f"its map of labels is {shown[0]}, and the image {shown[1]}"
                raise ValueError(f"{what}; both must have one size")
            return image, labels
        value = pair.labels if self._kind == IMAGE else self._ignore
        return image, np.full(image.shape[:2], value, np.uint8)

    def scaled(self, image: Image, labels: Image) -> tuple[Image, Image]:
        """A pair at new_height and new_width, where they are given."""
        small = resized(image, self._size)
        return small, nearest(labels, *small.shape[:2])

    def read(self, pair: Pair) -> tuple[Image, Image]:
        return self.scaled(*self.whole(pair))

    def cut(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        return self._crop.cut(image, labels, numbers)

    def write(self, image: Array, out: Floats) -> None:
        self._crop.levels.write(image, out)

    def more(self, sizes: list[tuple[int, ...]], images: Floats) -> tuple[Floats, ...]:
        """Each image's height and width, at most the batch's."""
        most = np.array(images.shape[2:], np.float32)
        found = np.minimum(np.array(sizes, np.float32), most)
        return (found.reshape(-1, 1, 1, 2),)
