"""ReLU, leaky or not, PReLU and AbsVal."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from protonet.lifting.formulas.bounds import at_least
from protonet.lifting.formulas.scalars import above, below, known, rectified
from protonet.lifting.formulas.sums import added, chosen
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, fuses, lifts
from protonet.lifting.trace import named
from protonet.lifting.values import Constant, Held, NewBlob, View


@lifts("relu")
def relu(operator: Operator, x: Held) -> Held:
    """ReLU."""
    return rectified(operator, x)


@lifts("leaky_relu")
def leaky_relu(operator: Operator, x: Held, slope: float = 0.01) -> Held:
    """ReLU with a slope."""
    return operator.layer("ReLU", x, negative_slope=slope)


@lifts("rrelu")
def rrelu(
    operator: Operator,
    x: Held,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: object = None,  # noqa: ARG001
) -> Held:
    """ReLU with the mean of the slopes that training draws."""
    if training:
        operator.refuse("it draws slopes in training", "export the module after .eval()")
    return leaky_relu(operator, x, (lower + upper) / 2)


@lifts("rrelu_with_noise_functional")
def rrelu_with_noise(
    operator: Operator,
    x: Held,
    noise: Held,  # noqa: ARG001
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
) -> tuple[Held, None]:
    """The same by its name in core ATen."""
    return rrelu(operator, x, lower, upper, training), None


@lifts("prelu", "_prelu_kernel")
def prelu(operator: Operator, x: Held, weight: Held) -> Held:
    """PReLU, its slopes shared or one a channel."""
    if not isinstance(weight, Constant):
        operator.refuse("its slopes are computed by the net", "Caffe's weights are fixed")
    slopes = weight.tensor.flatten()
    if len(slopes) > 1 or len(x.shape) > 1:
        shared = True if len(slopes) == 1 else None
        blobs = [slopes.reshape(()) if shared else slopes]
        return operator.layer("PReLU", x, blobs=blobs, channel_shared=shared)
    return leaky_relu(operator, x, float(slopes))


@fuses("where")
def prelu_in_steps(operator: Operator) -> Held | None:
    """PReLU as core ATen has it: x where it is above zero, else the slopes times x."""
    args: Any = operator.node.args
    mask, x, product = args
    if not named(mask, "gt") or mask.args[:2] != (x, 0):
        return None
    if not named(product, "mul") or product.args[1] is not x:
        return None
    slopes = operator.held.get(product.args[0])
    held = operator.held.get(x)
    if not isinstance(slopes, Constant) or not isinstance(held, NewBlob | View):
        return None
    channels = slopes.tensor.numel()
    wanted = (1, channels, *(1,) * (len(held.shape) - 2))
    fits = channels == 1 or (slopes.shape == wanted and held.shape[1] == channels)
    return prelu(operator, held, slopes) if fits else None


@lifts("threshold")
def threshold(operator: Operator, x: Held, bound: float, value: float) -> Held:
    """ReLU where that is meant, else x where it is above the bound and the value elsewhere."""
    if bound == value:
        return at_least(operator, x, bound)
    return chosen(operator, above(operator, x, bound, "mask"), x, known(value))


@lifts("abs")
def absolute(operator: Operator, x: Held) -> Held:
    """AbsVal."""
    return operator.layer("AbsVal", x)


@lifts("sign", "sgn")
def sign(operator: Operator, x: Held) -> Held:
    """What is above zero less what is below."""
    parts = above(operator, x, part="positive"), below(operator, x, part="under")
    return added(operator, *parts, 1, -1)


_IMAGE = ((2, 3, 4, 4),)
examples = (
    LiftExample(nn.ReLU, _IMAGE, ("ReLU",)),
    LiftExample(lambda: nn.LeakyReLU(0.2), _IMAGE, ("ReLU",)),
    LiftExample(nn.RReLU, _IMAGE, ("ReLU",)),
    LiftExample(nn.PReLU, _IMAGE, ("PReLU",)),
    LiftExample(lambda: nn.PReLU(3), _IMAGE, ("PReLU",)),
    LiftExample(lambda: nn.Threshold(0.0, 0.0), _IMAGE, ("ReLU",)),
    LiftExample(
        lambda: nn.Threshold(0.1, 2.0),
        _IMAGE,
        ("Threshold", "Eltwise", "Power", "Eltwise"),
    ),
    LiftExample(lambda: Called(torch.abs), _IMAGE, ("AbsVal",)),
    LiftExample(lambda: Called(torch.sign), _IMAGE, ("Threshold", "Power", "Threshold", "Eltwise")),
)
