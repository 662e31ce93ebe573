"""One record of a database of images with boxes: an AnnotatedDatum's fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.data.datum import Bytes, Datum, of_message
from protonet.data.detection.boxes import Boxes
from protonet.data.detection.landmarks import points_of
from protonet.reading import taking
from protonet.schema.pool import Message, message_class

BBOX, BBOX_AND_MASK = 0, 1


@dataclass(frozen=True, eq=False)
class Annotated:
    """An image and its boxes; ``type`` is None where the record states none.

    ``mask`` is an encoded image of the classes of the pixels, of MobileNet-YOLO's fork.
    """

    datum: Datum
    type: int | None
    boxes: Boxes
    mask: bytes = b""


def parse_annotated(record: Bytes) -> Annotated:
    """The fields of a serialized AnnotatedDatum. ValueError where the record is none."""
    with taking("it is no AnnotatedDatum message, or it is cut off"):
        given = message_class("AnnotatedDatum").FromString(record)
    if not given.HasField("datum"):
        what = "it has no datum in it; of plain ones, without boxes, a Data layer reads"
        raise ValueError(what)
    kind = given.type if given.HasField("type") else None
    return Annotated(of_message(given.datum), kind, boxes_of(given), given.datum.seg_label)


def boxes_of(given: Message) -> Boxes:
    """The boxes of an AnnotatedDatum. ValueError where one has a corner that is no number.

    Those of yuqj1991's caffe_train stand in a field of their own, and may have landmarks.
    """
    groups = [*given.annotation_group, *given.annotation_group_with_landmarks]
    pairs = [(group, one) for group in groups for one in group.annotation]
    rows = [(o.bbox.xmin, o.bbox.ymin, o.bbox.xmax, o.bbox.ymax) for _, o in pairs]
    corners = np.array(rows, np.float32).reshape(-1, 4)
    wrong = np.flatnonzero(~np.isfinite(corners).all(1))
    if wrong.size:
        shown = ", ".join(f"{value:g}" for value in corners[wrong[0]])
        raise ValueError(f"its box {wrong[0]} has the corners {shown}")
    sizes = [o.bbox.size if o.bbox.HasField("size") else np.nan for _, o in pairs]
    return Boxes(
        _whole([group.group_label for group, _ in pairs]),
        _whole([one.instance_id for _, one in pairs]),
        corners,
        np.array([one.bbox.difficult for _, one in pairs], np.bool_),
        np.array(sizes, np.float32),
        points_of([one for _, one in pairs]),
    )


def _whole(numbers: list[int]) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)
