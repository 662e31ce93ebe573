"""Rows of a blob in any order, by BatchReindex and its constant."""

from __future__ import annotations

import torch

from protonet.lifting.names import worded
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import count

_EXACT = 2**24  # whole numbers up to here are exact in single precision


def chosen(
    operator: Operator, blob: NewBlob, axis: int, line: torch.Tensor, part: str
) -> NewBlob | None:
    """The places of a line along an axis; None where the dialect has no BatchReindex."""
    outer, size = count(blob.shape, 0, axis), blob.shape[axis]
    index = (torch.arange(outer)[:, None] * size + line).flatten()
    inner = blob.shape[axis + 1 :]
    rows = (outer * size, *inner) if inner else (outer * size, 1)
    found = of_rows(operator, blob, rows, index, part)
    return found and operator.reshape(found, (*blob.shape[:axis], len(line), *inner), part)


def of_rows(
    operator: Operator, blob: NewBlob, rows: tuple[int, ...], index: torch.Tensor, part: str
) -> NewBlob | None:
    """A blob as rows, those that an index names, in its order; -1 is a row of zeros."""
    if not operator.has("BatchReindex") or not operator.has("Parameter"):
        return None
    if rows[0] >= _EXACT:
        return None
    source = operator.reshape(blob, rows, worded(part, "rows"))
    if bool((index < 0).any()):
        zeros = operator.constant(torch.zeros(1, *rows[1:]), worded(part, "zeros"))
        source = operator.layer("Concat", source, zeros, part=worded(part, "and_zeros"), axis=0)
        index = torch.where(index < 0, rows[0], index)
    order = operator.constant(index, worded(part, "order"))
    return operator.layer("BatchReindex", source, order, part=worded(part, "reindex"))
