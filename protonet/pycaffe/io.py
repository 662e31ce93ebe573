"""caffe.io: arrays to messages and back, images in and out of files and nets.

Source: pycaffe's io.py, without scikit-image and scipy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.pycaffe.images import load_image, oversample
from protonet.pycaffe.proto import caffe_pb2
from protonet.pycaffe.resizing import resize, resize_image
from protonet.pycaffe.transformer import Transformer
from protonet.schema.blobs import from_blob
from protonet.schema.pool import Message

__all__ = [
    "Transformer",
    "array_to_blobproto",
    "array_to_datum",
    "arraylist_to_blobprotovector_str",
    "blobproto_to_array",
    "blobprotovector_str_to_arraylist",
    "caffe_pb2",
    "datum_to_array",
    "load_image",
    "oversample",
    "resize",
    "resize_image",
]
_LEGACY = ("num", "channels", "height", "width")


def _shape(blob: Message) -> tuple[int, ...]:
    """A blob's shape, of the old form where one of its four fields is there."""
    if any(blob.HasField(name) for name in _LEGACY):
        return tuple(getattr(blob, name) for name in _LEGACY)
    return tuple(blob.shape.dim)


def blobproto_to_array(blob: Message, return_diff: bool = False) -> Array:
    """The values of a BlobProto, or its gradients, float64.

    Doubles and half precision are taken where it has no single ones, as Caffe's own reader does.
    ValueError where its shape is of another number of values.
    """
    field = "diff" if return_diff else "data"
    values = np.array(getattr(blob, field) or getattr(blob, f"double_{field}"), np.float64)
    if not values.size and not return_diff:
        values = _stored(blob)
    shape = _shape(blob)
    if values.size != math.prod(shape):
        what = f"the blob's {field} has {values.size} values, its shape is {shape}"
        raise ValueError(what)
    return np.asarray(values.reshape(shape))


def _stored(blob: Message) -> Array:
    """The values of a blob in a form that only some Caffes write. ValueError where it has none."""
    try:
        return np.asarray(from_blob(blob), np.float64)
    except NetError as error:
        raise ValueError(error.message) from None


def array_to_blobproto(arr: Array, diff: Array | None = None) -> Message:
    """A BlobProto of an array, and of its gradients if they are given; both of one shape."""
    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend(arr.shape)
    blob.data.extend(arr.astype(float).flat)
    if diff is not None:
        blob.diff.extend(diff.astype(float).flat)
    return blob


def arraylist_to_blobprotovector_str(arraylist: Iterable[Array]) -> bytes:
    """Arrays as a serialized BlobProtoVector."""
    vector = caffe_pb2.BlobProtoVector(blobs=[array_to_blobproto(arr) for arr in arraylist])
    made: bytes = vector.SerializeToString()
    return made


def blobprotovector_str_to_arraylist(str: bytes) -> list[Array]:  # noqa: A002 (pycaffe's name)
    """The arrays of a serialized BlobProtoVector."""
    vector = caffe_pb2.BlobProtoVector.FromString(str)
    return [blobproto_to_array(blob) for blob in vector.blobs]


def array_to_datum(arr: Array, label: int | None = None) -> Message:
    """A Datum of a (channels, height, width) array: bytes where it is uint8, floats otherwise.

    ValueError where it has another number of axes.
    """
    if arr.ndim != 3:
        raise ValueError(f"incorrect array shape: a Datum has 3 axes, the array is {arr.shape}")
    datum = caffe_pb2.Datum()
    datum.channels, datum.height, datum.width = arr.shape
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(float).flat)
    if label is not None:
        datum.label = label
    return datum


def datum_to_array(datum: Any) -> Array:
    """The (channels, height, width) array of a Datum, uint8 or float64; its label is in it.

    ValueError where it holds an encoded image, or another number of values.
    """
    if datum.encoded:
        hint = "decode datum.data, with cv2.imdecode for one"
        raise ValueError(f"the Datum holds an encoded image, not its pixels; {hint}")
    shape = (datum.channels, datum.height, datum.width)
    if len(datum.data):
        return np.array(np.frombuffer(datum.data, np.uint8).reshape(shape))
    return np.asarray(np.array(datum.float_data, np.float64).reshape(shape))


def __getattr__(name: str) -> Any:
    """What scripts find in pycaffe's io because it imports it, where it is installed here."""
    if name not in ("skimage", "zoom"):
        raise AttributeError(f"caffe.io has no {name!r}")
    if name == "zoom":
        from scipy.ndimage import zoom

        return zoom
    import skimage.io

    return skimage
