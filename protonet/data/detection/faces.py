"""Records of yuqj1991's fork: faces with points and angles, licence plates with characters."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from protonet.arrays import Floats
from protonet.data.datum import Bytes, of_message
from protonet.data.detection.boxes import no_boxes
from protonet.data.detection.drawn import Drawn
from protonet.data.detection.record import Annotated
from protonet.data.detection.resizing import Resize
from protonet.reading import taking
from protonet.schema.pool import Message, message_class

_POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
_ANGLES = ("yaw", "pitch", "roll")
_CHARACTERS = ("chichracter", "engchracter", *(f"letternum_{n}" for n in range(1, 6)))


@dataclass(frozen=True, eq=False)
class Told(Annotated):
    """An image and the numbers that are told of it; of a face x and y, angles and attributes."""

    numbers: Floats = field(default_factory=lambda: np.zeros(0, np.float32))


def parse_face(record: Bytes) -> Told:
    """(15,): five x, five y, yaw, pitch, roll, gender, glasses. ValueError where it is no face."""
    given = _parsed(record, "AnnoFaceAttributeDatum")
    face = given.faceattri
    points = [getattr(face.landmark, name) for name in _POINTS]
    numbers = [*(one.x for one in points), *(one.y for one in points)]
    numbers += [getattr(face.faceoritation, name) for name in _ANGLES]
    return _told(given, [*numbers, face.gender, face.glass])


def parse_plate(record: Bytes) -> Told:
    """(7,): the classes of a licence plate's characters. ValueError where the record is none."""
    given = _parsed(record, "AnnotatedCCpdDatum")
    return _told(given, [getattr(given.lpnumber, name) for name in _CHARACTERS])


def _parsed(record: Bytes, kind: str) -> Message:
    with taking(f"it is no {kind} message, or it is cut off"):
        given = message_class(kind).FromString(record)
    if not given.HasField("datum"):
        what = "it has no datum in it; of plain ones a Data layer reads"
        raise ValueError(what)
    if not given.HasField("type"):
        raise ValueError("it states no type, without which the fork gives nothing for its label")
    return given


def _told(given: Message, numbers: list[float]) -> Told:
    made = np.array(numbers, np.float32)
    if not np.isfinite(made).all():
        raise ValueError("what it tells of the image is not finite")
    return Told(of_message(given.datum), given.type, no_boxes(), numbers=made)


def moved_face(face: Told, drawn: Drawn, resize: Resize | None) -> Floats:
    """A face's numbers after what was drawn. ValueError where the fork has no rule.

    Source: DataTransformer::TransformAnnoFaceAttribute, UpdateLandmarkFacePoseByResizePolicy.
    """
    x, y = face.numbers[:5].copy(), face.numbers[5:10].copy()
    yaw, pitch, roll = face.numbers[10:13]
    height, width = face.datum.height, face.datum.width
    if drawn.expansion is not None:
        left, top, right, bottom = drawn.expansion.window(height, width)
        x, y = (x - left) / (right - left), (y - top) / (bottom - top)
        height, width = drawn.expansion.height, drawn.expansion.width
    if resize is not None:
        x, y = _resized(x, y, resize, height, width)
    if drawn.mirror:
        x, yaw, roll = 1 - x, -yaw, -roll
    return np.concatenate([x, y, [yaw, pitch, roll], face.numbers[13:]]).astype(np.float32)


def _resized(
    x: Floats, y: Floats, resize: Resize, height: int, width: int
) -> tuple[Floats, Floats]:
    """Points in parts of the resized image, which they don't leave."""
    if not height or not width:
        raise ValueError("its datum states no height and width, by which the points are resized")
    placed = resize.points(np.stack([x, y], 1).astype(np.float32), height, width)
    return placed[:, 0], placed[:, 1]
