"""BatchNorm and Scale."""

from __future__ import annotations

from typing import Any

import torch

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Constant, Held

_EPS = 1e-5  # what Caffe has where nothing is stated


@lifts("_native_batch_norm_legit_no_training")
def batch_norm(
    operator: Operator,
    x: Held,
    weight: Held | None,
    bias: Held | None,
    mean: Held,
    variance: Held,
    momentum: float,  # noqa: ARG001
    eps: float,
) -> Any:
    """BatchNorm with its running statistics, whose factor is 1, then Scale."""
    assert isinstance(mean, Constant) and isinstance(variance, Constant)
    normed: Held = operator.layer(
        "BatchNorm",
        x,
        blobs=[mean.tensor, variance.tensor, torch.ones(1)],
        eps=None if eps == _EPS else eps,
    )
    if weight is not None:
        assert isinstance(weight, Constant) and isinstance(bias, Constant)
        normed = operator.layer(
            "Scale", normed, part="scale", blobs=[weight.tensor, bias.tensor], bias_term=True
        )
    return normed, None, None
