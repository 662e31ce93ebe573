"""Volumes as C3D's tools write them: five sizes, then the values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.data.image_files import content

_AXES = 5
_HEADER = 4 * _AXES
_MOST = 1 << 31


def read_volume(path: Path, byte: bool) -> NDArray[np.uint8] | NDArray[np.float32]:
    """The values of a file as (channels, frames, height, width).

    ValueError where it is no such file, or holds other than one volume. Source:
    load_blob_from_binary, and load_blob_from_uint8_binary for bytes, which don't look.
    """
    data = content(path)
    if len(data) < _HEADER:
        raise ValueError(f"it has {len(data)} bytes, and five sizes take {_HEADER}")
    sizes = [int(n) for n in np.frombuffer(data, "<i4", _AXES)]
    shown = "x".join(map(str, sizes))
    if min(sizes) < 1 or math.prod(sizes) > _MOST:
        raise ValueError(f"its sizes {shown} are not those of a volume")
    if sizes[0] != 1:
        raise ValueError(f"it holds {sizes[0]} volumes, and one is taken")
    needed = _HEADER + math.prod(sizes) * (1 if byte else 4)
    if len(data) != needed:
        raise ValueError(f"a volume of {shown} takes {needed:,} bytes, and it has {len(data):,}")
    values = np.frombuffer(data, np.uint8 if byte else "<f4", offset=_HEADER)
    return values.reshape(sizes[1:])
