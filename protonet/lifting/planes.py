"""Poolings over one, two or three axes as poolings over planes, which is what Caffe has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from protonet.lifting.framing import seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import Held
from protonet.lifting.windows import PoolWindow, Steps, per_axis
from protonet.shape import Shape

# What pools a plane: the (n, c, h, w) value, which of torch's axes h and w are (None where it is
# no axis of torch's pooling), and the sizes that come out.
Which: TypeAlias = tuple[int | None, int | None]
PlanePool: TypeAlias = Callable[[Held, Which, Shape], Held]


def over_planes(operator: Operator, x: Held, axes: int, pool: PlanePool) -> Held:
    """Pool the last ``axes`` axes of a value, with or without a batch, plane by plane."""
    tops = operator.shape[-axes:]
    lead = (1, x.shape[0]) if len(x.shape) == axes + 1 else x.shape[:2]
    sizes = x.shape[-axes:]
    if axes == 1:
        made = pool(seen(operator, x, (*lead, 1, *sizes)), (None, 0), (1, *tops))
    elif axes == 2:
        made = pool(seen(operator, x, (*lead, *sizes)), (0, 1), tops)
    else:
        n, c, deep = *lead, sizes[0]
        flat = pool(seen(operator, x, (n, c * deep, *sizes[1:])), (1, 2), tops[1:])
        place = tops[1] * tops[2]
        made = pool(seen(operator, flat, (n, c, deep, place)), (0, None), (tops[0], place))
    return seen(operator, made, operator.shape)


def pooled_axes(operator: Operator) -> int:
    """How many axes a pooling is over: the number in its name."""
    (digit,) = (each for each in str(operator.node.target) if each in "123")
    return int(digit)


def window_of(
    axes: int, kernel: Steps, stride: Steps, padding: Steps, dilation: Steps
) -> Callable[[Which], PoolWindow]:
    """The window over a plane, from torch's numbers for ``axes`` axes."""
    kernels = per_axis(kernel, axes)
    strides = per_axis(stride, axes) if _is_given(stride) else kernels
    pads, dilations = per_axis(padding, axes), per_axis(dilation, axes)

    def window(which: Which) -> PoolWindow:
        def of(values: Sequence[int], other: int) -> tuple[int, ...]:
            return tuple(other if axis is None else values[axis] for axis in which)

        spread = zip(of(dilations, 1), of(kernels, 1), strict=True)
        apart = tuple(d if k > 1 else 1 for d, k in spread)
        return PoolWindow(of(kernels, 1), of(strides, 1), of(pads, 0), apart)

    return window


def _is_given(stride: Steps) -> bool:
    return isinstance(stride, int) or bool(stride)
