"""Places along one axis of a blob, in any order: cut and joined, stepped over, or looked up."""

from __future__ import annotations

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.movement.linear import along
from protonet.lifting.movement.rows import chosen
from protonet.lifting.names import worded
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import Shape, count

_MOST_PARTS = 16
_MOST_PIECES = 32
_WIDEST = 256  # longer lines are looked up, not multiplied with zeros and ones


def taken(
    operator: Operator, blob: NewBlob, axis: int, line: torch.Tensor, part: str
) -> NewBlob | None:
    """The blob with the places of ``line`` along an axis; None where the dialect has no means."""
    found = pieces(line)
    size = blob.shape[axis]
    if found == [(0, size)]:
        return blob
    if len(found) == 1 and operator.has("Slice"):
        return cut(operator, blob, axis, found[0], part)
    stepped = _stepped(operator, blob, axis, line, part)
    if stepped is not None:
        return stepped
    rejoined = _rejoined(operator, blob, axis, found, part)
    if rejoined is not None:
        return rejoined
    if axis == len(blob.shape) - 1 and size <= _WIDEST:
        matrix = torch.zeros(len(line), size)
        matrix[torch.arange(len(line)), line] = 1
        return along(operator, blob, axis, matrix, part)
    return chosen(operator, blob, axis, line, part)


def pieces(line: torch.Tensor) -> list[tuple[int, int]]:
    """The ranges, from and up to, that make a line of places."""
    breaks = (torch.nonzero(line[1:] != line[:-1] + 1).flatten() + 1).tolist()
    edges = [0, *breaks, len(line)]
    starts = line[edges[:-1]].tolist()
    lengths = [b - a for a, b in zip(edges, edges[1:], strict=False)]
    return [(start, start + length) for start, length in zip(starts, lengths, strict=True)]


def cut(operator: Operator, blob: NewBlob, axis: int, piece: tuple[int, int], part: str) -> NewBlob:
    """A range along an axis."""
    start, stop = piece
    points = [point for point in piece if 0 < point < blob.shape[axis]]
    if not points:
        return blob
    tops = operator.layers(
        "Slice", blob, part=part, tops=len(points) + 1, axis=axis, slice_point=points
    )
    assert start < stop
    return tops[1 if start else 0]


def _rejoined(
    operator: Operator, blob: NewBlob, axis: int, ranges: list[tuple[int, int]], part: str
) -> NewBlob | None:
    """Ranges one after the other: one Slice wherever one begins or ends, and one Concat."""
    size = blob.shape[axis]
    edges = sorted({0, size, *(edge for each in ranges for edge in each)})
    cuts = list(zip(edges, edges[1:], strict=False))
    if len(cuts) > _MOST_PARTS or len(ranges) > _MOST_PIECES:
        return None
    order = [cut for start, stop in ranges for cut in cuts if start <= cut[0] and cut[1] <= stop]
    fields: Fields = {"axis": axis, "slice_point": edges[1:-1]}
    if len(order) > _MOST_PIECES:
        return None
    if not operator.takes("Slice", len(cuts), **fields) or not operator.has("Concat"):
        return None
    tops: tuple[NewBlob, ...] = (blob,)
    if len(cuts) > 1:
        tops = operator.layers("Slice", blob, part=part, tops=len(cuts), **fields)
    parts = dict(zip(cuts, tops, strict=True))
    return operator.layer("Concat", *(parts[cut] for cut in order), part=part, axis=axis)


def _stepped(
    operator: Operator, blob: NewBlob, axis: int, line: torch.Tensor, part: str
) -> NewBlob | None:
    """Places at one step from each other: a Pooling whose windows are one place wide."""
    step = int(line[1] - line[0]) if len(line) > 1 else 0
    if step < 2 or not torch.equal(line, line[0] + torch.arange(len(line)) * step):
        return None
    if not operator.has("Pooling") or not operator.has("Slice"):
        return None
    start, stop = int(line[0]), int(line[-1]) + 1
    blob = cut(operator, blob, axis, (start, stop), worded(part, "range"))
    four = _as_four(blob.shape, axis)
    place = 2 if axis == 2 and four == blob.shape else 3 if four[2] == 1 else 2
    side = "h" if place == 2 else "w"
    strides: Fields = {f"stride_{each}": step if each == side else 1 for each in "hw"}
    shaped = operator.reshape(blob, four, worded(part, "rows"))
    found = operator.layer("Pooling", shaped, part=part, kernel_size=1, **strides)
    shape = (*blob.shape[:axis], len(line), *blob.shape[axis + 1 :])
    return operator.reshape(found, shape, worded(part, "shape"))


def _as_four(shape: Shape, axis: int) -> Shape:
    """A shape of four axes in which one of the last two is the axis."""
    if len(shape) == 4 and axis >= 2:
        return shape
    if axis == len(shape) - 1:
        return (shape[0] if axis else 1, count(shape, 1, axis), 1, shape[axis])
    lead = (shape[0], count(shape, 1, axis)) if axis else (1, 1)
    return (*lead, shape[axis], count(shape, axis + 1))
