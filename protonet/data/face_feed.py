"""faceAttributeData and ccpdData: images from a database with numbers that are told of each."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Floats
from protonet.data.annotated_feed import AnnotatedFeed, AnnotatedPlan
from protonet.data.datum import Bytes
from protonet.data.definition import Definition
from protonet.data.detection.boxes import Boxes
from protonet.data.detection.drawn import Drawn
from protonet.data.detection.faces import Told, moved_face, parse_face, parse_plate
from protonet.data.detection.record import Annotated
from protonet.data.feed import feeds


class ToldFeed(AnnotatedFeed):
    """Images as AnnotatedData's, and a row of numbers each.

    Source: the data layers of yuqj1991's caffe_train that read AnnotatedDatum's like.
    """

    width: int

    def __init__(self, definition: Definition) -> None:
        if len(definition.tops) > 2:
            raise definition.error(f"it gives at most 2 tops, not {len(definition.tops)}", "top", 2)
        super().__init__(definition)

    def row(self, item: Told, drawn: Drawn, policy: int) -> Floats:
        """The numbers of an image after what was drawn for it."""
        raise AssertionError(f"{self.type} tells nothing")

    def told_shape(self, first: Annotated) -> tuple[int, ...]:
        return self._batch, self.width

    def told(self, planned: AnnotatedPlan, boxes: list[Boxes]) -> Floats:
        rows = []
        each = zip(planned.records, planned.items, planned.drawn, strict=True)
        for record, item, drawn in each:
            assert isinstance(item, Told)
            with self._telling(record):
                rows.append(self.row(item, drawn, planned.policy))
        return np.stack(rows)


@feeds
class FaceFeed(ToldFeed):
    """Faces: points, angles and attributes, in TEST with the size of the image in the database.

    Source: faceAttributeDataLayer.
    """

    type = "faceAttributeData"

    def __init__(self, definition: Definition) -> None:
        self.width = 15 if definition.training else 17
        super().__init__(definition)

    def parse(self, value: Bytes) -> Annotated:
        return parse_face(value)

    def row(self, item: Told, drawn: Drawn, policy: int) -> Floats:
        numbers = moved_face(item, drawn, self._resizes[policy] if self._resizes else None)
        if self.definition.training:
            return numbers
        size = [item.datum.width, item.datum.height]
        return np.concatenate([numbers, size]).astype(np.float32)


@feeds
class PlateFeed(ToldFeed):
    """Licence plates and the classes of their characters. Source: ccpdDataLayer."""

    type = "ccpdData"
    width = 7

    def parse(self, value: Bytes) -> Annotated:
        return parse_plate(value)

    def row(self, item: Told, drawn: Drawn, policy: int) -> Floats:
        return item.numbers
