"""Pooling."""

from __future__ import annotations

from typing import Any

from protonet.lifting.operator import Operator
from protonet.lifting.patterns import lifts
from protonet.lifting.patterns.convolution import window
from protonet.lifting.values import Held


@lifts("max_pool2d")
def max_pool2d(
    operator: Operator,
    x: Held,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Held:
    """Pooling of the largest."""
    return operator.layer(
        "Pooling",
        x,
        **window("kernel", kernel, plural="kernel_size"),
        **window("stride", stride or kernel, default=1),
        **window("pad", padding if isinstance(padding, list) else (padding, padding)),
    )


@lifts("avg_pool2d")
def avg_pool2d(
    operator: Operator,
    x: Held,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Held:
    """Pooling of the mean."""
    return operator.layer(
        "Pooling",
        x,
        pool="AVE",
        **window("kernel", kernel, plural="kernel_size"),
        **window("stride", stride or kernel, default=1),
        **window("pad", padding if isinstance(padding, list) else (padding, padding)),
    )
