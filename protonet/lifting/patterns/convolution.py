"""Convolution."""

from __future__ import annotations

from typing import Any

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.values import Constant, Held


@lifts("conv2d")
def conv2d(
    operator: Operator,
    x: Held,
    weight: Held,
    bias: Held | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Held:
    """Convolution: the same weights, in the same order."""
    if not isinstance(weight, Constant):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    blobs = [weight.tensor] + ([bias.tensor] if isinstance(bias, Constant) else [])
    return operator.layer(
        "Convolution",
        x,
        blobs=blobs,
        num_output=weight.shape[0],
        bias_term=None if bias is not None else False,
        **window("kernel", weight.shape[2:], plural="kernel_size"),
        **window("stride", _pair(stride), default=1),
        **window("pad", _pair(padding)),
        **_dilated(_pair(dilation)),
        group=groups if groups > 1 else None,
    )


def _pair(value: Any) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return values * 2 if len(values) == 1 else values


def _dilated(pair: tuple[int, int]) -> dict[str, Any]:
    if pair == (1, 1):
        return {}
    return {"dilation": [pair[0]] if pair[0] == pair[1] else list(pair)}


def window(name: str, pair: Any, default: int = 0, plural: str | None = None) -> dict[str, Any]:
    """The fields of a window's side: one where both are equal, none where they are the default."""
    high, wide = pair
    if high == wide:
        return {} if high == default else {plural or name: high}
    return {f"{name}_h": high, f"{name}_w": wide}
