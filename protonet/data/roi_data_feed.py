"""RoIDataLayer: images and their true boxes from a Pascal VOC folder, of py-faster-rcnn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from protonet.data.definition import Definition, Seeds
from protonet.data.detection.label_map import LabelMap
from protonet.data.detection.marked import MarkedImage, MarkedSet, refuse_wrong
from protonet.data.detection.voc import voc_images
from protonet.data.feed import feeds
from protonet.data.order import Order
from protonet.data.random import Random
from protonet.data.region_images import (
    PlannedImage,
    RegionFeed,
    RegionImage,
    Scaling,
    checked,
)
from protonet.schema.param_str import WrongOption, options_of
from protonet.schema.roi_options import ROI_OPTIONS

_MEAN = (102.9801, 115.9465, 122.7717)
_PLACE = ("python_param", "param_str")


@feeds
class RoiDataFeed(RegionFeed):
    """Images of a set in a random order, each also mirrored, scaled so that the shorter side fits.

    param_str names the folder as source, its set, and a label map, without which classes are
    numbered by their names; scales, max_size and flipped are those of fast_rcnn/config.py unless
    stated. Difficult objects and images without any are left out, and corners count from 1; what
    is then a pixel beyond the image is cut. A seed gives the same order each time, not numpy's. Of
    several processes each draws its own order. Source: lib/roi_data_layer and
    lib/datasets/pascal_voc.py of py-faster-rcnn.
    """

    type = "roi_data_layer.layer.RoIDataLayer"
    options = ROI_OPTIONS

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        given = self._given()
        self._shorts = [float(short) for short in given.get("scales", (600,))]
        longest = float(given.get("max_size", 1000))
        if min(*self._shorts, longest) <= 0:
            raise definition.error("scales and max_size must be positive", *_PLACE)
        self.scaling = Scaling(np.array(_MEAN, np.float32), longest)
        root = definition.readable(given["source"], *_PLACE)
        part, classes = given.get("set"), given.get("num_classes", 0)
        with definition.placing(*_PLACE):
            marked = list(voc_images(root, part))
            names = self._label_map(given.get("label_map"), marked, classes)
            found = list(region_images(root, marked, names))
        self.images = checked(definition, found, classes)
        self._twice = given.get("flipped", True) and definition.training
        seeds = Seeds(definition)
        self.random = Random(seeds.own())
        self.order = Order(len(self.images) * (1 + self._twice), Random(seeds.own()))
        self.start()

    def _given(self) -> dict[str, Any]:
        try:
            return options_of(self.definition.layer.python_param.param_str, self.options)
        except WrongOption as error:
            raise self.definition.error(str(error), *_PLACE, hint=error.hint) from None

    def _label_map(self, stated: str | None, marked: list[MarkedImage], classes: int) -> LabelMap:
        """The map that is named, or the classes of the folder by their names."""
        if stated is not None:
            return LabelMap.read(self.definition.readable(stated, *_PLACE))
        names = MarkedSet(tuple(marked)).classes()
        if len(names) + 1 != classes:
            what = f"its images show {len(names)} classes, and num_classes {classes} is of "
            hint = "name a label map in param_str, \"'label_map': 'labelmap.prototxt'\""
            raise self.definition.error(f"{what}{classes - 1} and background", *_PLACE, hint=hint)
        return LabelMap.of(names, "the folder")

    def planned(self) -> PlannedImage:
        """The next image, and the draw of its scale."""
        index = self.order.current
        self.order.advance()
        short = self._shorts[self.random.draw() % len(self._shorts)]
        count = len(self.images)
        return PlannedImage(index % count, index >= count, short)


def region_images(root: Path, marked: list[MarkedImage], names: LabelMap) -> Iterator[RegionImage]:
    """The images that have an object that is not difficult, with these."""
    refuse_wrong(marked)
    for image in marked:
        kept = [box for box in image.boxes if not box.difficult]
        if kept:
            corners = np.array([box.corners for box in kept]) - 1
            labels = np.array([names.label(box.name, image.source) for box in kept], np.int64)
            path = root / image.name
            yield RegionImage(path, os.fspath(path), corners, labels)
