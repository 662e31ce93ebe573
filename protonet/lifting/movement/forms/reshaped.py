"""The elements as they lie, under another shape: Flatten or Reshape."""

from __future__ import annotations

import torch

from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob, View
from protonet.shape import count


def form(operator: Operator, view: View) -> NewBlob | None:
    """The blob, flattened behind its first axis where that is all; None where elements move."""
    base, shape = view.base, view.shape
    if count(base.shape) != count(shape):
        return None
    if not torch.equal(view.index.flatten(), torch.arange(count(shape))):
        return None
    if base.shape == shape:
        return base
    if shape == (base.shape[0], count(base.shape, 1)) and operator.has("Flatten"):
        return operator.layer("Flatten", base)
    return operator.reshape(base, shape, "")
