"""InnerProduct: a fixed matrix along the last axis, and the 1x1 convolution that is the same."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.draft import Fields
from protonet.lifting.framing import lies_whole, places, seen
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.lifting.windows import window_fields
from protonet.shape import Shape, count


@lifts("linear")
def linear(operator: Operator, x: Held, weight: Held, bias: Held | None = None) -> Held:
    """InnerProduct with the same weight, over all axes that make up the last."""
    if not isinstance(weight, Constant) or not isinstance(bias, Constant | None):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    return times(operator, x, weight.tensor, bias.tensor if bias is not None else None)


def times(
    operator: Operator,
    x: Held,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    part: str = "",
) -> Held:
    """The last axis of a value times a matrix (outputs, inputs), and a bias (outputs,)."""
    fields: Fields = {
        "num_output": weight.shape[0],
        "bias_term": None if bias is not None else False,
    }
    blobs = [weight] + ([bias] if bias is not None else [])
    shape = (*x.shape[:-1], weight.shape[0])
    if isinstance(x, View) and _channels_last(x):
        blobs[0] = weight.reshape(*weight.shape, *(1,) * (len(x.base.shape) - 2))
        window = window_fields(blobs[0].shape[2:])
        made = operator.layer("Convolution", x.base, part=part, blobs=blobs, **fields, **window)
        order = places(made).flatten(2).transpose(1, 2).reshape(shape)
        return View(made, order, operator.node, (made,))
    base, axis = _whole(operator, x)
    at = None if axis == 1 else axis
    made = operator.layer("InnerProduct", base, part=part, blobs=blobs, **fields, axis=at)
    return seen(operator, made, shape)


def _channels_last(x: View) -> bool:
    """Whether a value is a blob whose channels were turned to be the last axis."""
    base = x.base.shape
    if len(base) < 3 or x.shape[-1] != base[1] or count(base) != count(x.shape):
        return False
    if count(base, 2) == 1:
        return False
    turned = places(x.base).flatten(2).transpose(1, 2)
    return torch.equal(x.index.flatten(), turned.flatten())


def _whole(operator: Operator, x: Held) -> tuple[NewBlob, int]:
    """A blob, and the axis from where on it is the last axis of a value."""
    if isinstance(x, View) and lies_whole(x):
        found = _axis(x.base.shape, x.shape)
        if found is not None:
            return x.base, found
    return operator.blob(x), len(x.shape) - 1


def _axis(base: Shape, shape: Shape) -> int | None:
    found = [axis for axis in range(len(base)) if count(base, axis) == shape[-1]]
    same = [axis for axis in found if base[:axis] == shape[:-1]]
    return next(iter(same + found), None)


def _flattened() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5))


examples = (
    LiftExample(lambda: nn.Linear(3, 5), ((2, 3),), ("InnerProduct",)),
    LiftExample(lambda: nn.Linear(4, 5, bias=False), ((2, 3, 4),), ("InnerProduct",)),
    LiftExample(_flattened, ((2, 3, 2, 2),), ("InnerProduct",)),
)
