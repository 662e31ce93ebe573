"""What a module's state tells of Caffe in its metadata: where each blob is, and the net."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from protonet.layers.blob import BlobLayout
from protonet.reading import taking
from protonet.runtime.place import Place, Places

if TYPE_CHECKING:
    from torch import nn

LAYERS, NET = "caffe_layers", "caffe_net"
_LARGEST = 1 << 28  # bytes of a net without its blobs
_MOST_AXES = 32


def told(net: nn.Module) -> dict[str, str]:
    """The metadata of a compiled net's state; nothing of another module's.

    Under ``caffe_layers`` is {layer: [[path, shape, layout], ...]}, the blobs in Caffe's order,
    under ``caffe_net`` the NetParameter without blobs.
    """
    places: Places = getattr(type(net), "protonet_blobs", {})
    blobs = {
        layer: [[place.path, list(place.shape), place.layout.value] for place in own]
        for layer, own in places.items()
        if own
    }
    if not blobs:
        return {}
    definition: bytes = getattr(type(net), "protonet_net", b"")
    kept = {NET: base64.b64encode(zlib.compress(definition)).decode()} if definition else {}
    return {LAYERS: json.dumps(blobs, separators=(",", ":")), **kept}


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
