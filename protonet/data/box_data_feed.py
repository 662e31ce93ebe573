"""BoxData: images from a database with the true boxes that YOLO and YOLOv2 train on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from protonet.arrays import Floats
from protonet.data.box_windows import BoxWindow, boxes_of, draw_window, seen_through
from protonet.data.buffers import new_array
from protonet.data.datum import Datum, pixels
from protonet.data.definition import Definition, Seeds
from protonet.data.detection.source import image_size
from protonet.data.feed import Allocate, Batch, feeds
from protonet.data.image_decode import Image
from protonet.data.random import Random
from protonet.data.record_batches import KNOWN, RecordFeed
from protonet.data.records import Record
from protonet.data.transform import Draws, Transform
from protonet.diagnostics import NetError

_MOST, _ROW = 30, 5
_OF_YOLOV2 = ("RegionLoss", "DetectionEvaluate")


class BoxTransform(Transform):
    """Caffe's transformation, with random numbers of its own always in TRAIN, for the windows."""

    def seed(self, seeds: Seeds) -> None:
        super().seed(seeds)
        if self._definition.training and not (self.p.mirror or self._crops):
            self.random = Random(seeds.own())


class BoxedItem(NamedTuple):
    """A record, its window, and the random numbers of its transformation."""

    record: Record
    window: BoxWindow
    draws: Draws


@feeds
class BoxFeed(RecordFeed):
    """Images from a database, in TRAIN a random window of each, and its true boxes.

    Records are Datum messages whose float_data has 6 numbers a box. As in the forks, neither
    crop_size nor mirror moves the boxes. What reads the boxes tells which of the forks is meant.
    Source: BoxDataLayer and DataTransformer of yeahkun's caffe-yolo and gklz1982's caffe-yolov2.
    """

    type = "BoxData"
    known = KNOWN | {"side"}
    most_tops = None
    make_transform = BoxTransform

    def __init__(self, definition: Definition) -> None:
        self._sides = list(definition.layer.data_param.side) or [7]
        self._labelled = len(definition.tops) > 1
        if self._labelled and len(definition.tops) != 1 + len(self._sides):
            what = f"{len(self._sides)} sides take {len(self._sides)} tops behind the images"
            raise definition.error(f"{what}, not {len(definition.tops) - 1}", "top")
        super().__init__(definition)
        try:
            self._is_second = self._labelled and is_yolov2(definition)
        except NetError:
            self.close()
            raise
        for top, side in zip(definition.tops[1:], self._sides, strict=False):
            wide = _MOST * _ROW if self._is_second else side * side * 7
            self.shapes[top] = (self._batch, wide)

    def plan(self) -> list[BoxedItem]:
        return [self._planned(record) for record in self.next_records()]

    def _planned(self, record: Record) -> BoxedItem:
        """An item's window, then what transforms it, as the fork draws them."""
        datum = self._parsed(record)
        try:
            if not self._labelled:
                return BoxedItem(record, BoxWindow(None, datum.floats), self._transform.draw(1))
            window = BoxWindow(None, boxes_of(datum.floats))
            if self.definition.training:
                size = image_size(datum, self._transform.color)
                window = draw_window(window.boxes, size, self._transform.random)
        except ValueError as error:
            raise self._broken(record, error) from None
        return BoxedItem(record, window, self._transform.draw(1))

    def make(self, planned: list[BoxedItem], new: Allocate = new_array) -> Batch:
        images: Floats | None = None
        labels = [np.empty(self.shapes[top], np.float32) for top in self.definition.tops[1:]]
        for row, item in enumerate(planned):
            datum = self._parsed(item.record)
            try:
                image = seen_through(self._image(datum), item.window)
                if images is None:
                    images = new((len(planned), *self._transform.size(*image.shape)))
                self._transform.apply(image, item.draws, 0, images[row])
                for side, found in zip(self._sides, labels, strict=False):
                    boxes = item.window.boxes
                    found[row] = listed(boxes) if self._is_second else gridded(boxes, side)
            except ValueError as error:
                raise self._broken(item.record, error) from None
        assert images is not None
        return dict(zip(self.definition.tops, (images, *labels), strict=True))

    def _image(self, datum: Datum) -> Image:
        if self._labelled and not datum.encoded:
            raise ValueError("its image is not encoded, and the fork takes no other with boxes")
        return pixels(datum, self._transform.color)


def listed(boxes: Floats) -> Floats:
    """YOLOv2's truth: class, center, width and height of 30 boxes, zeros behind."""
    if len(boxes) > _MOST:
        raise ValueError(f"it has {len(boxes)} true boxes, and the fork has places for {_MOST}")
    found = np.zeros((_MOST, _ROW), np.float32)
    found[: len(boxes)] = boxes[:, [0, 2, 3, 4, 5]]
    return found.reshape(-1)


def gridded(boxes: Floats, side: int) -> Floats:
    """YOLO's truth: difficult, object, class and box of each cell; the last box of a cell stays."""
    cells = side * side
    found = np.zeros(cells * 7, np.float32)
    found[2 * cells : 3 * cells] = -1
    for label, difficult, *sides in boxes.tolist():
        column, row = (min(int(np.floor(np.float32(v) * side)), side - 1) for v in sides[:2])
        if min(column, row) < 0:
            raise ValueError("the center of a true box is left of the image or above it")
        cell = side * row + column
        found[[cell, cells + cell, 2 * cells + cell]] = difficult, 1, label
        found[3 * cells + 4 * cell :][:4] = sides
    return found


def is_yolov2(definition: Definition) -> bool:
    """Whether boxes are YOLOv2's, by what reads them. NetError where that does not tell."""
    truths = set(definition.tops[1:])
    for reader in definition.readers:
        if not truths & set(reader.bottom):
            continue
        if reader.type in _OF_YOLOV2:
            return True
        if reader.type == "DetectionLoss":
            return False
        if reader.type == "EvalDetection":
            return bool(reader.eval_detection_param.biases)
    raise untold(definition)


def untold(definition: Definition) -> NetError:
    """The error of boxes that no layer reads by which their form is known."""
    what = f"what reads {definition.tops[1]!r} does not tell in which fork's form its boxes are"
    hint = "RegionLoss and DetectionEvaluate take YOLOv2's, DetectionLoss and EvalDetection YOLO's"
    return definition.error(what, "top", 1, hint=hint)
