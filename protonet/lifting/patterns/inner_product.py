"""InnerProduct."""

from __future__ import annotations

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Constant, Held


@lifts("linear")
def linear(operator: Operator, x: Held, weight: Held, bias: Held | None = None) -> Held:
    """InnerProduct over the last axis."""
    if not isinstance(weight, Constant):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    axis = len(x.shape) - 1
    return operator.layer(
        "InnerProduct",
        x,
        blobs=[weight.tensor] + ([bias.tensor] if isinstance(bias, Constant) else []),
        num_output=weight.shape[0],
        bias_term=None if bias is not None else False,
        axis=None if axis == 1 else axis,
    )
