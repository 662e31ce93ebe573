"""Any number of items through a net of a fixed batch size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError

if TYPE_CHECKING:
    from protonet.pycaffe.net import Net

Arrays = dict[str, Array]


def in_batches(
    net: Net,
    blobs: Sequence[str] | None,
    diffs: Sequence[str] | None,
    given: Mapping[str, Any],
    *,
    backward: bool,
) -> tuple[Arrays, Arrays]:
    """{blob: array} over all items, and gradients with ``backward``.

    The last batch is filled up with zeros, whose results are left out. NetError where nothing is
    given, or not equally much.
    """
    inputs = {name: given[name] for name in net.inputs if name in given}
    ends = {name: given[name] for name in net.outputs if name in given} if backward else {}
    _check(net, given, inputs, ends)
    size = next(iter(net.blobs.values())).shape[0]
    found: dict[str, list[Array]] = {}
    back: dict[str, list[Array]] = {}
    pairs: Iterator[tuple[dict[str, Any], dict[str, Any]]]
    pairs = zip_longest(_batches(inputs, size), _batches(ends, size), fillvalue={})
    for forward_batch, backward_batch in pairs:
        for name, values in net.forward(blobs=blobs, **forward_batch).items():
            found.setdefault(name, []).extend(np.array(values, ndmin=1))
        if backward:
            for name, values in net.backward(diffs=diffs, **backward_batch).items():
                back.setdefault(name, []).extend(np.array(values, ndmin=1))
    total = len(next(iter(given.values())))
    batches = -(-total // size)
    made = [_joined(each, batches * size - total) for each in (found, back)]
    return made[0], made[1]


def _check(net: Net, given: Mapping[str, Any], *known: Mapping[str, Any]) -> None:
    names = {name for some in known for name in some}
    unknown = [name for name in given if name not in names]
    if unknown or not given:
        hint = f"the inputs are {', '.join(net.inputs) or 'none'}"
        what = f"{unknown[0]!r} is none of the net's inputs" if unknown else "no input is given"
        raise NetError(what, None, hint)
    lengths = {name: len(values) for name, values in given.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{n} of {name!r}" for name, n in lengths.items())
        raise NetError(f"the inputs are not equally many: {told}")


def _batches(given: Mapping[str, Any], size: int) -> Iterator[Arrays]:
    arrays = {name: np.asarray(values) for name, values in given.items()}
    total = len(next(iter(arrays.values()))) if arrays else 0
    for start in range(0, total, size):
        yield {name: _filled(values[start : start + size], size) for name, values in arrays.items()}


def _filled(values: Array, size: int) -> Array:
    missing = size - len(values)
    if not missing:
        return values
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])


def _joined(found: Mapping[str, Sequence[Array]], surplus: int) -> Arrays:
    arrays = {name: np.asarray(values) for name, values in found.items()}
    return {name: values[:-surplus] if surplus else values for name, values in arrays.items()}
