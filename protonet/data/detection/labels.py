"""The boxes of a batch as its second top holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Floats
from protonet.data.detection.boxes import Boxes
from protonet.schema.pool import Message

WIDTH, LANDMARKS, YOLO_WIDTH, YOLO_ROWS = 8, 11, 5, 300


@dataclass(frozen=True)
class Labels:
    """SSD's rows of all images together, or a table of 300 rows an image for YOLO.

    With yoloformat each image has as many rows as all have together, the first ones its own, all
    others -1; with has_landmarks rows have 19 numbers. Source: AnnotatedDataLayer of SSD's fork,
    of MobileNet-YOLO's and of yuqj1991's caffe_train, which leaves rows as they were where no image
    of the batch has a box.
    """

    is_table: bool
    takes_difficult: bool
    by_image: bool = False
    with_landmarks: bool = False

    @classmethod
    def of(cls, p: Message) -> Labels:
        """From an annotated_data_param."""
        return cls(p.yolo_data_type == 1, p.train_diffcult, p.yoloformat, p.has_landmarks)

    @property
    def width(self) -> int:
        """How many numbers a row has that is none of a table."""
        return WIDTH + LANDMARKS if self.with_landmarks else WIDTH

    def shape(self, batch: int, boxes: int) -> tuple[int, ...]:
        """Of a batch with that many boxes."""
        if self.is_table:
            return batch, 1, YOLO_ROWS, YOLO_WIDTH
        return batch if self.by_image else 1, 1, max(boxes, 1), self.width

    def made(self, found: Sequence[Boxes]) -> Floats:
        """The top's values; a row of -1 where no image of the batch has a box."""
        if self.is_table:
            return np.stack([self._table(boxes) for boxes in found])[:, None]
        each = [boxes.rows(image, self.with_landmarks) for image, boxes in enumerate(found)]
        rows = np.concatenate(each)
        none = np.full((max(len(rows), 1), self.width), -1, np.float32)
        if self.by_image:
            filled = [np.concatenate([own, none])[: len(none)] for own in each]
            return np.stack(filled)[:, None]
        return (rows if len(rows) else none)[None, None]

    def read(self, values: Floats, images: int) -> list[Boxes]:
        """The boxes of each image, as the top's values have them."""
        if self.is_table:
            return [_of_table(rows[0]) for rows in values]
        rows = values[0, 0]
        return [_of_rows(rows[rows[:, 0] == image]) for image in range(images)]

    def check(self, boxes: Boxes) -> None:
        """ValueError where an image has more boxes than a table holds."""
        if self.is_table and len(boxes) > YOLO_ROWS:
            raise ValueError(f"it has {len(boxes)} boxes, and yolo_data_type 1 holds {YOLO_ROWS}")

    def _table(self, boxes: Boxes) -> Floats:
        """(300, 5): label from 0, centre, extent; zeros below."""
        if not self.takes_difficult:
            boxes = boxes.chosen(~boxes.difficult)
        table = np.zeros((YOLO_ROWS, YOLO_WIDTH), np.float32)
        low, high = boxes.corners[:, :2], boxes.corners[:, 2:]
        table[: len(boxes), 0] = boxes.labels - 1
        table[: len(boxes), 1:3] = (low + high) / np.float32(2)
        table[: len(boxes), 3:5] = high - low
        return table


def _of_rows(rows: Floats) -> Boxes:
    """Boxes of rows of image, label, instance, corners and difficult."""
    whole, hard = rows[:, 1:3].astype(np.int64), rows[:, 7] != 0
    return Boxes(whole[:, 0], whole[:, 1], rows[:, 3:7], hard, _unnoted(rows))


def _of_table(rows: Floats) -> Boxes:
    """Boxes of rows of label from 0, centre and extent, zeros below."""
    rows = rows[(rows[:, 3:] != 0).any(1)]
    half, labels = rows[:, 3:] / 2, rows[:, 0].astype(np.int64) + 1
    corners = np.concatenate([rows[:, 1:3] - half, rows[:, 1:3] + half], 1)
    return Boxes(labels, 0 * labels, corners, np.zeros(len(rows), np.bool_), _unnoted(rows))


def _unnoted(rows: Floats) -> Floats:
    return np.full(len(rows), np.nan, np.float32)
