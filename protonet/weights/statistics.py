"""BatchNorm's statistics: Caffe's three blobs, and the two that torch keeps."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.weights.stored import BlobLike, StoredLayer

KEY = "caffe_statistics"


def divided(statistic: Array, factor: BlobLike | None) -> Array:
    """A mean or variance over Caffe's third blob, which 0 turns into zeros.

    Source: BatchNormLayer::Forward_cpu, with use_global_stats.
    """
    divisor = 1.0 if factor is None else float(np.asarray(factor).reshape(-1)[0])
    scaled: Array = statistic * statistic.dtype.type(1.0 / divisor if divisor else 0.0)
    return scaled


def packed(layers: Iterable[StoredLayer], places: Mapping[str, Sequence[Any]]) -> str:
    """Caffe's own statistics as text for a file's metadata, where dividing them lost them.

    A quotient in single precision does not tell what was divided. With this the way back to
    Caffe's blobs is exact to the bit.
    """
    kept = {}
    for layer in layers:
        kinds = [place.kind for place in places.get(layer.name, ())]
        if "factor" not in kinds or any(blob is None for blob in layer.blobs):
            continue
        blobs = [np.asarray(blob) for blob in layer.blobs]
        if float(blobs[kinds.index("factor")].reshape(-1)[0]) != 1.0:
            kept[layer.name] = [_text(b) for b in blobs]
    return json.dumps(kept, separators=(",", ":")) if kept else ""


def _text(blob: Array) -> list[Any]:
    values = np.ascontiguousarray(blob, blob.dtype.newbyteorder("<"))
    return [values.dtype.str, list(blob.shape), base64.b64encode(values.tobytes()).decode()]


def unpacked(text: str) -> dict[str, list[Array]]:
    """Caffe's own statistics by layer; empty where the text is not one of ours."""
    try:
        return {
            layer: [
                np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape)
                for dtype, shape, data in blobs
            ]
            for layer, blobs in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError, binascii.Error):
        return {}


def agree(own: Sequence[Array], places: Sequence[Any], folded: Sequence[Array]) -> bool:
    """Whether Caffe's statistics are those that the folded ones were made of."""
    if len(own) != len(places) or any(o.size != f.size for o, f in zip(own, folded, strict=True)):
        return False
    factor = next(o for o, p in zip(own, places, strict=True) if p.kind == "factor")
    for blob, place, there in zip(own, places, folded, strict=True):
        here = divided(blob.astype(there.dtype), factor) if place.kind == "folded" else blob
        if place.kind == "folded" and here.tobytes() != there.tobytes():
            return False
    return True
