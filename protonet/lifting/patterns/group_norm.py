"""GroupNorm, LayerNorm and InstanceNorm: BatchNorm over rows, then Scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.formulas.standardised import by_rows, scaled
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.patterns.batch_norm import batch_norm
from protonet.lifting.values import Held
from protonet.shape import count


@lifts("group_norm")
def group_norm(
    operator: Operator,
    x: Held,
    groups: int,
    weight: Held | None = None,
    bias: Held | None = None,
    eps: float = 1e-5,
    cudnn: bool = True,  # noqa: ARG001
) -> Held:
    """The statistics of each image's groups of channels."""
    normed = by_rows(operator, x, count(x.shape, 1) // groups, eps)
    return scaled(operator, normed, weight, bias)


@lifts("native_group_norm")
def native_group_norm(
    operator: Operator,
    x: Held,
    weight: Held | None,
    bias: Held | None,
    batch: int,  # noqa: ARG001
    channels: int,  # noqa: ARG001
    places: int,  # noqa: ARG001
    groups: int,
    eps: float,
) -> tuple[Held, None, None]:
    """The same by its name in core ATen."""
    return group_norm(operator, x, groups, weight, bias, eps), None, None


@lifts("layer_norm")
def layer_norm(
    operator: Operator,
    x: Held,
    shape: Sequence[int],
    weight: Held | None = None,
    bias: Held | None = None,
    eps: float = 1e-5,
    cudnn: bool = True,  # noqa: ARG001
) -> Held:
    """The statistics of all that lies in the last axes."""
    normed = by_rows(operator, x, count(tuple(shape)), eps)
    return scaled(operator, normed, weight, bias, len(x.shape) - len(shape))


@lifts("native_layer_norm")
def native_layer_norm(
    operator: Operator,
    x: Held,
    shape: Sequence[int],
    weight: Held | None,
    bias: Held | None,
    eps: float,
) -> tuple[Held, None, None]:
    """The same by its name in core ATen."""
    return layer_norm(operator, x, shape, weight, bias, eps), None, None


@lifts("instance_norm")
def instance_norm(
    operator: Operator,
    x: Held,
    weight: Held | None,
    bias: Held | None,
    mean: Held | None,
    variance: Held | None,
    own: bool,
    momentum: float,
    eps: float,
    cudnn: bool = True,  # noqa: ARG001
) -> Held:
    """The statistics of each image's channels, or the running ones."""
    if own or mean is None or variance is None:
        return scaled(operator, by_rows(operator, x, count(x.shape, 2), eps), weight, bias)
    return batch_norm(operator, x, weight, bias, mean, variance, momentum, eps)[0]


def _uneven(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, 1.0)
    return module


class _Bare(nn.Module):
    """A LayerNorm of several axes, and without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(x, (3, 4), self.weight)


_ROWS = ("Reshape", "BatchNorm", "Reshape", "Scale")
examples = (
    LiftExample(lambda: _uneven(nn.GroupNorm(2, 6)), ((2, 6, 3, 2),), _ROWS),
    LiftExample(lambda: nn.GroupNorm(3, 6, affine=False), ((2, 6, 3),), _ROWS[:3]),
    LiftExample(lambda: _uneven(nn.GroupNorm(3, 3)), ((1, 3, 4, 2),), ("BatchNorm", "Scale")),
    LiftExample(lambda: _uneven(nn.LayerNorm(5, 1e-6)), ((2, 3, 5),), _ROWS),
    LiftExample(_Bare, ((2, 2, 3, 4),), _ROWS),
    LiftExample(lambda: nn.InstanceNorm2d(3), ((2, 3, 4, 4),), _ROWS[:3]),
    LiftExample(lambda: _uneven(nn.InstanceNorm2d(3, affine=True)), ((2, 3, 4, 4),), _ROWS),
    LiftExample(
        lambda: _uneven(nn.InstanceNorm1d(3, affine=True, track_running_stats=True)),
        ((2, 3, 4),),
        ("BatchNorm", "Scale"),
    ),
)
