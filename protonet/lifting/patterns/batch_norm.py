"""BatchNorm and Scale."""

from __future__ import annotations

from torch import nn

from protonet.lifting.formulas.standardised import by_own, by_statistics, scaled
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Constant, Held

_Three = tuple[Held, None, None]


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
) -> _Three:
    """BatchNorm with its running statistics, then Scale."""
    if not isinstance(mean, Constant) or not isinstance(variance, Constant):
        operator.refuse("its statistics are computed by the net", "Caffe's are fixed")
    normed = by_statistics(operator, x, mean.tensor, variance.tensor, eps)
    return scaled(operator, normed, weight, bias), None, None


@lifts("_native_batch_norm_legit", "_native_batch_norm_legit_functional")
def batch_norm_of_batch(
    operator: Operator,
    x: Held,
    weight: Held | None,
    bias: Held | None,
    *rest: Held | float | None,
) -> _Three:
    """BatchNorm by the batch's own statistics, then Scale; refused where it keeps running ones."""
    if isinstance(rest[0], Held):
        hint = "export the module after .eval()"
        operator.refuse("it is in training, and changes its running statistics", hint)
    eps = rest[-1]
    assert isinstance(eps, float)
    return scaled(operator, by_own(operator, x, eps), weight, bias), None, None


@lifts("native_batch_norm", "batch_norm", "cudnn_batch_norm", "_batch_norm_with_update")
def batch_norm_by_flag(
    operator: Operator,
    x: Held,
    weight: Held | None,
    bias: Held | None,
    mean: Held | None,
    variance: Held | None,
    *rest: float,
) -> _Three:
    """The same by torch's older names, whose flag says whether it trains."""
    training, _, eps = (*rest[:2], rest[2]) if len(rest) > 2 else (True, *rest)
    if training or mean is None or variance is None:
        kept = () if mean is None else (mean,)
        return batch_norm_of_batch(operator, x, weight, bias, *kept, eps)
    return batch_norm(operator, x, weight, bias, mean, variance, 0.0, eps)


def _trained(module: nn.Module) -> nn.Module:
    """A module with statistics and weights that change something."""
    for number, tensor in enumerate((*module.parameters(), *module.buffers())):
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5 + number / 4, 1.5)
    return module


examples = (
    LiftExample(lambda: _trained(nn.BatchNorm2d(3)), ((2, 3, 2, 2),), ("BatchNorm", "Scale")),
    LiftExample(lambda: _trained(nn.BatchNorm1d(3, 1e-3)), ((2, 3),), ("BatchNorm", "Scale")),
    LiftExample(lambda: _trained(nn.BatchNorm1d(3)), ((2, 3, 4),), ("BatchNorm", "Scale")),
    LiftExample(lambda: nn.BatchNorm3d(2, affine=False), ((1, 2, 2, 2, 2),), ("BatchNorm",)),
    LiftExample(
        lambda: nn.BatchNorm2d(3, track_running_stats=False),
        ((2, 3, 2, 2),),
        ("BatchNorm", "Scale"),
    ),
)
