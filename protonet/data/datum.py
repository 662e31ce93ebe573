"""One record of a database: a Datum's fields, and its image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protonet.data.image_decode import Image, decode
from protonet.reading import taking
from protonet.schema.pool import Message, message, message_class

Bytes = bytes | memoryview
_NO_FLOATS = np.empty(0, np.float32)


class Datum(NamedTuple):
    """The fields of a Datum; ``label`` is None where it has none."""

    channels: int
    height: int
    width: int
    data: bytes
    label: int | None
    floats: NDArray[np.float32]
    encoded: bool


def parse_datum(record: Bytes) -> Datum:
    """The fields of a serialized Datum. ValueError where the record is none."""
    with taking("it is no Datum message, or it is cut off"):
        given = message_class("Datum").FromString(record)
    if not given.data and not given.float_data and is_annotated(record):
        raise ValueError("it is an AnnotatedDatum, of which an AnnotatedData layer reads")
    return of_message(given)


def datum_within(record: Bytes) -> Datum:
    """The fields of a serialized Datum, or of the one that an AnnotatedDatum has.

    ValueError where the record is neither.
    """
    if is_annotated(record):
        return of_message(message_class("AnnotatedDatum").FromString(record).datum)
    return parse_datum(record)


def is_annotated(record: Bytes) -> bool:
    """Whether a record has a Datum within it, as those with boxes have."""
    try:
        with taking("it is another message"):
            return bool(message_class("AnnotatedDatum").FromString(record).HasField("datum"))
    except ValueError:
        return False


def of_message(given: Message) -> Datum:
    """The fields of a Datum message."""
    return Datum(
        given.channels,
        given.height,
        given.width,
        given.data,
        given.label if given.HasField("label") else None,
        np.array(given.float_data, np.float32) if given.float_data else _NO_FLOATS,
        given.encoded,
    )


def pixels(datum: Datum, color: bool | None) -> Image:
    """The image of a Datum as (channels, height, width), uint8 or float32.

    ``color`` forces an encoded image to colour or gray; None takes it as it is encoded.
    ValueError where it can't be. Source: DecodeDatumToCVMat, DataTransformer::Transform.
    """
    if datum.encoded:
        return decoded(datum.data, color)
    shape = (datum.channels, datum.height, datum.width)
    size = shape[0] * shape[1] * shape[2]
    values = np.frombuffer(datum.data, np.uint8) if datum.data else datum.floats
    if min(shape) < 1 or len(values) != size:
        shown = "x".join(str(n) for n in shape)
        raise ValueError(f"it states {shown} = {size} values, and has {len(values)}")
    return values.reshape(shape)


def decoded(data: bytes, color: bool | None) -> Image:
    """An encoded image as (channels, height, width), uint8, BGR where it is of colour."""
    image = decode(data, color)
    if image.dtype != np.uint8:
        raise ValueError(f"its image has values of {image.dtype}, and Caffe takes only 8 bits")
    return planes(image)


def planes(image: Image) -> Image:
    """A (height, width) or (height, width, channels) image as a view, channels first."""
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


def datum_of(image: Image, label: int) -> Message:
    """A Datum message of a (channels, height, width) uint8 image."""
    record = message("Datum")
    record.channels, record.height, record.width = image.shape
    record.data, record.label = image.tobytes(), label
    return record
