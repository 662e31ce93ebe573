"""Operators of which nothing is left: what they give is known, or they give nothing."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.trace import name_of
from protonet.lifting.values import Constant, Held


@lifts(
    "_assert_tensor_metadata",
    "_assert_async",
    "_assert_scalar",
    "sym_constrain_range",
    "sym_constrain_range_for_size",
)
def asserted(operator: Operator, *args: object, **kwargs: object) -> None:
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
def filled(operator: Operator, x: Held, *args: object, **kwargs: object) -> Held:
    """A constant, of which only the shape is the net's."""
    target, source = operator.node.target, operator.node.args[0]
    assert callable(target)
    assert isinstance(source, torch.fx.Node)
    like = torch.zeros(x.shape, dtype=source.meta["val"].dtype)
    given = [each.tensor if isinstance(each, Constant) else each for each in args]
    if any(isinstance(each, Held) for each in given):
        operator.refuse("it fills with a number that the net computes")
    if "empty" in name_of(operator.node):
        return Constant(torch.zeros(operator.shape))
    with torch.no_grad():
        return Constant(target(like, *given, **kwargs))


@lifts("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def dropout(operator: Operator, x: Held, p: float, train: bool) -> Held:  # noqa: ARG001
    """Refused: that of evaluation is none."""
    operator.refuse(
        "it drops in evaluation too", "write F.dropout with training=self.training, or nn.Dropout"
    )


@lifts("native_dropout")
def native_dropout(operator: Operator, x: Held, p: float, train: bool | None) -> tuple[Held, None]:
    """The value as it is."""
    return (dropout(operator, x, p, True) if train else x), None


class _Known(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.dropout(x, training=self.training)
        return torch.cat([x, torch.full_like(x, 2.0)], 1)


examples = (LiftExample(_Known, ((2, 3, 2, 2),), ("Parameter", "Concat")),)
