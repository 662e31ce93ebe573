"""What a module's state tells of Caffe in its metadata: where each blob is, and the net."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from protonet.layers.blob import BlobLayout
from protonet.preparation import Preparation, as_json, from_json
from protonet.reading import reading, taking
from protonet.runtime.place import Place, Places

if TYPE_CHECKING:
    from torch import nn

LAYERS, NET = "caffe_layers", "caffe_net"
PREPARATION, MEAN = "preparation", "mean_image"
_LARGEST = 1 << 28  # bytes of a net without its blobs
_MOST_AXES = 32


def told(net: nn.Module, preparation: Preparation | None = None) -> dict[str, str]:
    """The metadata of a compiled net's state; nothing of another module's.

    Under ``caffe_layers`` is {layer: [[path, shape, layout], ...]}, the blobs in Caffe's order,
    under ``caffe_net`` the NetParameter without blobs. Under ``preparation`` is how images are
    prepared, as JSON, and under ``mean_image`` the mean, single precision in base64.
    """
    places: Places = getattr(type(net), "protonet_blobs", {})
    blobs = {
        layer: [[place.path, list(place.shape), place.layout.value] for place in own]
        for layer, own in places.items()
        if own
    }
    prepared = _prepared(preparation) if preparation else {}
    if not blobs:
        return prepared
    definition: bytes = getattr(type(net), "protonet_net", b"")
    kept = {NET: base64.b64encode(zlib.compress(definition)).decode()} if definition else {}
    return {LAYERS: json.dumps(blobs, separators=(",", ":")), **kept, **prepared}


def _prepared(preparation: Preparation) -> dict[str, str]:
    image = preparation.mean_image
    facts = {PREPARATION: as_json(preparation)}
    if image is None:
        return facts
    packed = image.astype("<f4", order="C").tobytes()
    return {**facts, MEAN: base64.b64encode(packed).decode()}


def preparation_told(metadata: Mapping[str, str], name: str) -> Preparation | None:
    """How images are prepared for the net of a file of that name; None where it is not told.

    NetError where it is told, and damaged: without it answers would be wrong.
    """
    if PREPARATION not in metadata:
        return None
    with reading(name, "does not tell rightly how images are prepared", "compile the net again"):
        packed = metadata.get(MEAN)
        values = None if packed is None else np.frombuffer(base64.b64decode(packed), "<f4")
        return from_json(metadata[PREPARATION], values)


def places_told(metadata: Mapping[str, str]) -> Places:
    """Where the blobs of each layer are; nothing where that is not told, or is not ours."""
    try:
        with taking("these are no layers"):
            found = json.loads(metadata.get(LAYERS, "{}")).items()
            return {layer: tuple(_place(*one) for one in own) for layer, own in found}
    except ValueError:
        return {}


def _place(path: str, shape: list[int], layout: str) -> Place:
    """A place as it was told; the only numbers that no tensor has are those of one divisor."""
    sizes = all(type(n) is int and n >= 0 for n in shape) and len(shape) <= _MOST_AXES
    place = Place(path, tuple(shape), BlobLayout(layout))
    is_one = place.layout is not BlobLayout.DIVISOR or math.prod(shape) == 1
    if not (isinstance(path, str) and sizes and is_one):
        raise ValueError("this is no place")
    return place


def net_told(metadata: Mapping[str, str]) -> bytes:
    """The binary NetParameter without blobs; nothing where it is not told, or is damaged."""
    try:
        with taking("this is no net"):
            unpacking = zlib.decompressobj()
            return unpacking.decompress(base64.b64decode(metadata.get(NET, "")), _LARGEST)
    except ValueError:
        return b""
