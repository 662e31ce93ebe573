"""BatchNorm's statistics: Caffe's three blobs, and the two that torch keeps."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.layers.blob import BlobLayout
from protonet.reading import taking
from protonet.runtime.place import Place, Places, divided
from protonet.weights.stored import BlobLike, StoredLayer

KEY = "caffe_statistics"


def divisor(blobs: Sequence[BlobLike | None], places: Sequence[Place]) -> float:
    """The number by which a layer's statistics are still to be divided; 1 where it has none."""
    pairs = zip(blobs, places, strict=False)
    found = next((b for b, place in pairs if place.layout is BlobLayout.DIVISOR), None)
    return 1.0 if found is None else float(np.asarray(found).reshape(-1)[0])


def packed(layers: Iterable[StoredLayer], places: Places) -> str:
    """Caffe's own statistics as text for a file's metadata, where dividing them lost them.

    A quotient in single precision does not tell what was divided. With this the way back to
    Caffe's blobs is exact to the bit.
    """
    kept = {}
    for layer in layers:
        there = all(blob is not None for blob in layer.blobs)
        if there and divisor(layer.blobs, places.get(layer.name, ())) != 1.0:
            kept[layer.name] = [_text(np.asarray(blob)) for blob in layer.blobs]
    return json.dumps(kept, separators=(",", ":")) if kept else ""


def _text(blob: Array) -> list[Any]:
    values = np.ascontiguousarray(blob, blob.dtype.newbyteorder("<"))
    return [values.dtype.str, list(blob.shape), base64.b64encode(values.tobytes()).decode()]


def unpacked(text: str) -> dict[str, list[Array]]:
    """Caffe's own statistics by layer; empty where the text is not one of ours."""
    if not text:
        return {}
    try:
        with taking("these are no statistics"):
            kept = json.loads(text).items()
            return {layer: [_blob(*blob) for blob in blobs] for layer, blobs in kept}
    except ValueError:
        return {}


def _blob(dtype: str, shape: Sequence[int], data: str) -> Array:
    kind = np.dtype(dtype)
    if kind.kind != "f":
        raise ValueError(f"{dtype} is no kind of floats")
    return np.frombuffer(base64.b64decode(data), kind).reshape(shape)


def agree(own: Sequence[Array], places: Sequence[Place], folded: Sequence[Array]) -> bool:
    """Whether Caffe's statistics are those that the folded ones were made of."""
    if len(own) != len(places) or any(o.size != f.size for o, f in zip(own, folded, strict=True)):
        return False
    by = divisor(own, places)
    pairs = [
        (divided(blob.astype(there.dtype), by), there)
        for blob, place, there in zip(own, places, folded, strict=True)
        if place.layout is BlobLayout.DIVIDED
    ]
    return all(here.tobytes() == there.tobytes() for here, there in pairs)
