"""Fixed linear maps along one axis: InnerProduct, or a Convolution of one place."""

from __future__ import annotations

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.names import worded
from protonet.lifting.operator import Operator
from protonet.lifting.values import Held, NewBlob
from protonet.shape import count


def along(
    operator: Operator, value: Held, axis: int, matrix: torch.Tensor, part: str = ""
) -> NewBlob:
    """A blob multiplied along an axis with a matrix of (places after, places before)."""
    blob, shape = operator.blob(value), value.shape
    after, before = matrix.shape
    assert before == shape[axis]
    fields: Fields = {
        "num_output": after,
        "bias_term": False,
        "axis": None if axis == 1 else axis,
    }
    if axis == len(shape) - 1 and operator.takes("InnerProduct", **fields):
        return operator.layer("InnerProduct", blob, part=part, blobs=[matrix], **fields)
    plain = len(shape) == 4 and axis == 1
    four = shape if plain else (count(shape, 0, axis), before, count(shape, axis + 1), 1)
    found = operator.layer(
        "Convolution",
        operator.reshape(blob, four, worded(part, "rows")),
        part=part,
        blobs=[matrix[:, :, None, None]],
        num_output=after,
        bias_term=False,
        kernel_size=1,
    )
    return operator.reshape(
        found, (*shape[:axis], after, *shape[axis + 1 :]), worded(part, "shape")
    )
