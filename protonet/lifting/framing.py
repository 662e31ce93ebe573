"""The same elements under other shapes: what layers over fixed numbers of axes need around them."""

from __future__ import annotations

import operator as operators

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.lifting.windows import window_fields
from protonet.shape import Shape, count


def places(value: NewBlob | View) -> torch.Tensor:
    """Which element of its blob each element of a value is."""
    if isinstance(value, View):
        return value.index
    return torch.arange(count(value.shape)).reshape(value.shape)


def base_of(value: NewBlob | View) -> NewBlob:
    """The blob whose elements a value has."""
    return value.base if isinstance(value, View) else value


def lies_whole(value: Held) -> bool:
    """Whether a value is a blob with all its elements as they lie, under any shape."""
    if not isinstance(value, View):
        return isinstance(value, NewBlob)
    flat = value.index.flatten()
    return len(flat) == count(value.base.shape) and torch.equal(flat, torch.arange(len(flat)))


def seen(operator: Operator, value: Held, shape: Shape) -> Held:
    """A value under another shape; no layer says so before one reads it."""
    if value.shape == shape:
        return value
    if isinstance(value, Constant):
        return Constant(value.tensor.reshape(shape))
    assert isinstance(value, NewBlob | View)
    if base_of(value).shape == shape and lies_whole(value):
        return base_of(value)
    return View(base_of(value), places(value).reshape(shape), operator.node, (value,))


def moved_to(operator: Operator, value: Held, index: torch.Tensor) -> Held:
    """The elements of a value that ``index`` counts, in its shape; -1 is a zero."""
    if isinstance(value, Constant):
        flat = value.tensor.flatten()
        return Constant(torch.where(index < 0, 0, flat[index.clamp(min=0)]))
    assert isinstance(value, NewBlob | View)
    flat = places(value).flatten()
    chosen = torch.where(index < 0, -1, flat[index.clamp(min=0)])
    return View(base_of(value), chosen, operator.node, (value,))


def turned(operator: Operator, value: Held, *axes: int) -> Held:
    """A value with its axes in another order."""
    if list(axes) == sorted(axes):
        return value
    order = torch.arange(count(value.shape)).reshape(value.shape)
    return moved_to(operator, value, order.permute(axes))


def cropped(operator: Operator, value: NewBlob, shape: Shape) -> Held:
    """The first rows and columns of a blob of planes.

    A Crop to the size of a constant whose numbers nobody reads, or a Slice for each axis; where the
    dialect has neither, a Convolution that takes the first element of a window of the right size.
    """
    if value.shape == shape:
        return value
    if operator.has("Crop") and operator.has("Parameter"):
        like = operator.constant(torch.zeros(1, 1, *shape[2:]), "size")
        return operator.layer("Crop", value, like, part="cropped", axis=2)
    if operator.has("Slice"):
        index = places(value)[..., : shape[2], : shape[3]]
        return View(value, index, operator.node, (value,))
    channels = value.shape[1]
    more = (a - b for a, b in zip(value.shape[2:], shape[2:], strict=True))
    first = torch.zeros(channels, 1, *(n + 1 for n in more))
    first[:, :, 0, 0] = 1.0
    fields: Fields = {"num_output": channels, "group": channels, "bias_term": False}
    window = window_fields(first.shape[2:])
    return operator.layer("Convolution", value, part="cropped", blobs=[first], **fields, **window)


def shaped(operator: Operator, value: Held, shape: Shape, part: str) -> NewBlob:
    """The blob of a value under another shape; ``part`` names the Reshape where it takes one."""
    if lies_whole(value):
        assert isinstance(value, NewBlob | View)
        return operator.reshape(base_of(value), shape, part)
    return operator.reshape(value, shape, part)


def reads(operator: Operator, number: int) -> bool:
    """Whether anything takes the value of that number of an operator that gives several."""
    takes = (node for node in operator.node.users if node.target is operators.getitem)
    return any(node.args[1] == number and len(node.users) > 0 for node in takes)
