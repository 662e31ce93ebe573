"""Values that are the same along axes: where they stand in a larger shape, and spread to it."""

from __future__ import annotations

import numpy as np
import torch

from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import Shape, count


def broadcast(*values: Held) -> Shape:
    """The shape that values have together, as torch tells it."""
    return tuple(np.broadcast_shapes(*(value.shape for value in values)))


def narrowed(value: Held) -> Held:
    """A value with size 1 along the axes where it is only repeated; its rank stays."""
    if not isinstance(value, View):
        return value
    index = value.index
    for axis, size in enumerate(index.shape):
        first = index.narrow(axis, 0, 1)
        if size > 1 and torch.equal(first.expand_as(index), index):
            index = first
    if index.shape == value.index.shape:
        return value
    return _known(value, index.contiguous())


def _known(value: View, index: torch.Tensor) -> Held:
    """What has these elements already, a step or the whole blob, else a view of them."""
    base = value.base
    for step in value.steps:
        if isinstance(step, View) and step.base is base and torch.equal(step.index, index):
            return step
    whole = torch.arange(count(base.shape))
    if tuple(index.shape) == base.shape and torch.equal(index.flatten(), whole):
        return base
    return View(base, index, value.node, value.steps)


def uniform(tensor: torch.Tensor) -> float | None:
    """The number, or NaN, that all elements of a tensor are, else None."""
    flat = tensor.detach().flatten()
    if not len(flat):
        return None
    same = flat.isnan() if flat[0].isnan() else flat == flat[0]
    if not bool(same.all()):
        return None
    return float(flat[0])


def number_of(operator: Operator, tensor: torch.Tensor, shape: Shape) -> float | None:
    """The number with which a constant works on a larger shape; None where there are several.

    A module's parameter of several numbers, or of one for each of the one channel, is no number
    though all be the same: those of a module that was never trained are, and it is yet to be.
    """
    is_alike = tensor.numel() > 1 or (tensor.dim() > 0 and shape[1:2] == (1,))
    return None if is_alike and operator.draft.is_trained(tensor) else uniform(tensor)


def placed(small: Shape, shape: Shape) -> tuple[int, Shape] | None:
    """The first axis, and the sizes, with which a small shape stands whole in a larger one.

    Its axes of size 1 before and behind are left out; the batch axis stays where it has it. None
    where it is the same along an axis between others.
    """
    padded = (1,) * (len(shape) - len(small)) + small
    axes = [axis for axis, size in enumerate(padded) if size != 1]
    start, stop = (axes[0], axes[-1] + 1) if axes else (0, 1)
    if len(small) == len(shape) and padded[:start] == shape[:start]:
        start = 0
    dims = padded[start:stop]
    return (start, dims) if dims and dims == shape[start:stop] else None


def within_axes(tensor: torch.Tensor, shape: Shape) -> tuple[int, torch.Tensor]:
    """The first axis, and the numbers from there on, of a constant in a larger shape."""
    padded = tensor.detach().reshape((1,) * (len(shape) - tensor.dim()) + tuple(tensor.shape))
    axes = [axis for axis, size in enumerate(padded.shape) if size != 1]
    start, stop = (axes[0], axes[-1] + 1) if axes else (1, 2)
    flat = padded.reshape(padded.shape[start:stop])
    return start, flat.expand(shape[start:stop]).contiguous()


def flat(operator: Operator, value: Held, shape: Shape) -> NewBlob:
    """A small value without its axes of size 1, as another layer takes it."""
    top = operator.blob(value)
    if len(top.shape) > 2 and shape == (top.shape[0], count(top.shape, 1)):
        return operator.layer("Flatten", top, part="flat")
    return operator.reshape(top, shape, "flat")


def spread(operator: Operator, value: Held, shape: Shape) -> NewBlob:
    """A value as a blob of a larger shape: as it is, or its rows and columns repeated."""
    if isinstance(value, Constant):
        return operator.constant(value.tensor.expand(shape))
    if value.shape == shape and not isinstance(value, View):
        return operator.blob(value)
    small = narrowed(value)
    top = operator.reshape(small, (1,) * (len(shape) - len(small.shape)) + small.shape)
    for axis, size in enumerate(shape):
        if top.shape[axis] != size:
            where = None if axis == 1 else axis
            top = operator.layer("Tile", top, part="tile", axis=where, tiles=size)
    return top
