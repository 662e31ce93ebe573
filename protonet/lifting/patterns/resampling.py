"""Bilinear, bicubic and smoothed resizing: a fixed linear map along each axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.movement.separable import mapped_along
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.trace import name_of
from protonet.lifting.values import Held

_LINEAR = ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
_OTHERS = ("upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")


@lifts(*_LINEAR, *_OTHERS)
def upsample(
    operator: Operator,
    x: Held,
    size: Sequence[int] | None,  # noqa: ARG001
    align_corners: bool,
    *scales: float | Sequence[float] | None,
    **more: float | Sequence[float] | None,
) -> Held:
    """Interp where it does this; else by the matrix of each axis, which torch's operator tells."""
    is_linear = name_of(operator.node) == "upsample_bilinear2d"
    if align_corners and is_linear and operator.has("Interp"):
        height, width = operator.shape[2:]
        return operator.layer("Interp", x, height=height, width=width)
    axes = range(2, len(x.shape))
    factors = _factors([*scales, *more.values()], len(axes))
    return mapped_along(
        operator,
        x,
        {axis: _matrix(operator, x, axis, align_corners, factors) for axis in axes},
    )


def _factors(given: Sequence[float | Sequence[float] | None], axes: int) -> list[float | None]:
    """The factor of each axis, stated one by one or in a list; None where it is not."""
    stated = [n for each in given for n in (each if isinstance(each, Sequence) else [each])]
    return stated if len(stated) == axes else [None] * axes


def _matrix(
    operator: Operator, x: Held, axis: int, align_corners: bool, factors: Sequence[float | None]
) -> torch.Tensor:
    """The matrix of one axis, (places after, places before): what becomes of each place alone."""
    before, after = x.shape[axis], operator.shape[axis]
    # The other axes have two places: torch takes an axis of one for another order of memory.
    places, sizes = [2] * len(factors), [2] * len(factors)
    scales: list[float | None] = [None] * len(factors)
    places[axis - 2], sizes[axis - 2], scales[axis - 2] = before, after, factors[axis - 2]
    alone = torch.eye(before).view(
        before, *(before if i == axis - 2 else 1 for i in range(len(places)))
    )
    resize = getattr(torch.ops.aten, name_of(operator.node)).default
    with torch.no_grad():
        given = alone.expand(before, *places).contiguous()[None]
        made: torch.Tensor = resize(given, sizes, align_corners, *scales)
    return made[0].movedim(axis - 1, 1).reshape(before, after, -1)[:, :, 0].T.contiguous()


class _Smoothed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x, size=(4, 3), mode="bilinear", antialias=True)


examples = (
    LiftExample(
        lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
        ((2, 3, 4, 5),),
        ("Deconvolution", "Scale"),
    ),
    LiftExample(
        lambda: nn.Upsample(scale_factor=(3, 1), mode="bilinear"),
        ((1, 2, 4, 5),),
        ("Deconvolution", "Scale"),
    ),
    LiftExample(
        lambda: nn.Upsample(scale_factor=0.5, mode="bilinear"), ((1, 2, 6, 4),), ("Pooling",)
    ),
    LiftExample(
        lambda: nn.Upsample(scale_factor=0.25, mode="bilinear"), ((1, 2, 8, 12),), ("Convolution",)
    ),
    LiftExample(
        lambda: nn.Upsample(size=(7, 3), mode="bilinear", align_corners=True),
        ((2, 3, 4, 5),),
        ("InnerProduct", "Reshape", "Convolution", "Reshape"),
    ),
    LiftExample(
        lambda: nn.Upsample(scale_factor=2, mode="bicubic"),
        ((1, 2, 4, 5),),
        ("Reshape", "Convolution", "Reshape", "InnerProduct"),
    ),
    LiftExample(_Smoothed, ((2, 3, 5, 7),), ("InnerProduct", "Reshape", "Convolution", "Reshape")),
    LiftExample(
        lambda: nn.Upsample(scale_factor=2, mode="linear"), ((2, 3, 5),), ("InnerProduct",)
    ),
)
