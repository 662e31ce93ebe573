"""Arrays that a caller gives a pass by the names of blobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.pycaffe.blob import Blob
from protonet.shape import show


def give(
    given: Mapping[str, Any],
    blobs: Mapping[str, Blob],
    wanted: Sequence[str],
    what: str,
    *,
    diff: bool = False,
) -> None:
    """Write arrays into the wanted blobs, or with ``diff`` into their gradients.

    NetError, before anything is written, where they are others or don't fit.
    """
    if not given:
        return
    if set(given) != set(wanted):
        told = f"the {what}s given, {', '.join(given)}, are not the net's {what}s"
        raise NetError(told, None, f"it has {', '.join(wanted) or 'none'}")
    arrays = {name: np.asarray(values) for name, values in given.items()}
    for name, array in arrays.items():
        _check(name, array, blobs[name], what)
    for name, array in arrays.items():
        (blobs[name].diff if diff else blobs[name].data)[...] = array


def _check(name: str, array: Array, blob: Blob, what: str) -> None:
    hint = f"net.blobs[{name!r}].reshape(...) first"
    shape = tuple(array.shape)
    if blob.shape and shape[:1] != blob.shape[:1]:
        size = shape[0] if shape else "no batch at all"
        raise NetError(
            f"the {what} {name!r} has a batch of {blob.shape[0]}, not {size}", None, hint
        )
    try:
        np.broadcast_to(array, blob.shape)
    except ValueError:
        told = f"the {what} {name!r} is {show(blob.shape)}, what is given {show(shape)}"
        raise NetError(told, None, hint) from None
