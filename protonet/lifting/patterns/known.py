"""Operators of which nothing is left: what they give is known, or they give nothing."""

from __future__ import annotations

from typing import Any

import torch

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Constant, Held


@lifts(
    "_assert_tensor_metadata",
    "_assert_async",
    "_assert_scalar",
    "sym_constrain_range",
    "sym_constrain_range_for_size",
)
def asserted(operator: Operator, *args: Any, **kwargs: Any) -> None:
    """Nothing: it was true when the module was exported."""


@lifts(
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "new_empty",
    "zero",
    "fill",
)
def filled(operator: Operator, x: Held, *args: Any, **kwargs: Any) -> Held:
    """A constant, of which only the shape is the net's."""
    node = operator.node
    like = torch.zeros(x.shape, dtype=node.args[0].meta["val"].dtype)
    given = [each.tensor if isinstance(each, Constant) else each for each in args]
    if any(isinstance(each, Held) for each in given):
        operator.refuse("it fills with a number that the net computes")
    if "empty" in node.target.__name__:
        return Constant(torch.zeros(operator.shape))
    with torch.no_grad():
        return Constant(node.target(like, *given, **kwargs))


@lifts("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def dropout(operator: Operator, x: Held, p: float, train: bool) -> Held:  # noqa: ARG001
    """Refused: that of evaluation is none."""
    operator.refuse(
        "it drops in evaluation too", "write F.dropout with training=self.training, or nn.Dropout"
    )


@lifts("native_dropout")
def native_dropout(operator: Operator, x: Held, p: float, train: bool | None) -> Any:
    """The value as it is."""
    return (dropout(operator, x, p, True) if train else x), None
