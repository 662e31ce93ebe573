"""Embed."""

from __future__ import annotations

from torch import nn

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Constant, Held


@lifts("embedding")
def embedding(
    operator: Operator,
    weight: Held,
    indices: Held,
    *_: object,  # the row that learns nothing, and how gradients are scaled
) -> Held:
    """Embed: the same rows, by numbers that are whole."""
    if not isinstance(weight, Constant):
        operator.refuse("its rows are computed by the net", "Caffe's weights are fixed")
    rows, outputs = weight.shape
    return operator.layer(
        "Embed",
        indices,
        blobs=[weight.tensor],
        input_dim=rows,
        num_output=outputs,
        bias_term=False,
    )


examples = (LiftExample(lambda: nn.Embedding(9, 3), ((2, 4),), ("Embed",), below=9),)
