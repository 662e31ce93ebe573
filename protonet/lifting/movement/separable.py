"""Fixed linear maps along several axes at once: windows where they are, axis by axis otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.movement.linear import along
from protonet.lifting.movement.windows import Sweep, field_of, shifted, spread
from protonet.lifting.operator import Operator
from protonet.lifting.values import Held

_CLOSE = 1e-6


def mapped_along(operator: Operator, value: Held, matrices: Mapping[int, torch.Tensor]) -> Held:
    """A value multiplied along axes with matrices of (places after, places before).

    The shortest exact way that the dialect has: Pooling or Convolution of one window a channel,
    Deconvolution and a Scale that makes its borders whole, InnerProduct and Convolution of all
    places of an axis.
    """
    changed = {axis: m for axis, m in matrices.items() if not torch.equal(m, torch.eye(*m.shape))}
    if len(value.shape) == 4 and changed and min(changed) >= 2:
        sides = tuple(
            changed[axis] if axis in changed else torch.eye(value.shape[axis]) for axis in (2, 3)
        )
        found = _windowed(operator, value, sides) or _spread(operator, value, sides)
        if found is not None:
            return found
    growths = {axis: m.shape[0] / m.shape[1] for axis, m in changed.items()}
    for axis in sorted(changed, key=growths.__getitem__):
        part = "" if len(changed) == 1 else f"axis{axis}"
        value = along(operator, value, axis, changed[axis], part)
    return value


def _windowed(operator: Operator, value: Held, sides: tuple[torch.Tensor, ...]) -> Held | None:
    """One window that goes over a channel's map: Pooling where all its places weigh the same."""
    high, wide = (shifted(side) for side in sides)
    if high is None or wide is None:
        return None
    window = torch.outer(high.weights, wide.weights)
    is_mean = torch.allclose(window, torch.full_like(window, 1 / window.numel()))
    fits = all(
        side.pad == 0 and (m.shape[1] - len(side.weights)) % side.stride == 0
        for side, m in zip((high, wide), sides, strict=True)
    )
    fields = _fields(high, wide)
    if is_mean and fits and operator.takes("Pooling", pool="AVE", **fields):
        return operator.layer("Pooling", value, pool="AVE", **fields)
    return _depthwise(operator, "Convolution", value, window, high, wide)


def _spread(operator: Operator, value: Held, sides: tuple[torch.Tensor, ...]) -> Held | None:
    """Deconvolution by whole factors, then a Scale of what its windows lack at the borders."""
    found = [spread(side, _CLOSE) for side in sides]
    if None in found or not operator.has("Scale"):
        return None
    (high, rows), (wide, columns) = (each for each in found if each)
    window = torch.outer(high.weights, wide.weights)
    made = _depthwise(operator, "Deconvolution", value, window, high, wide, "spread")
    if made is None:
        return None
    return operator.layer("Scale", made, blobs=[torch.outer(rows, columns)], axis=2, num_axes=2)


def _depthwise(
    operator: Operator,
    kind: str,
    value: Held,
    window: torch.Tensor,
    high: Sweep,
    wide: Sweep,
    part: str = "",
) -> Held | None:
    """One window for every channel."""
    channels = value.shape[1]
    fields: Fields = {
        "num_output": channels,
        "bias_term": False,
        **_fields(high, wide),
        "group": channels if channels > 1 else None,
    }
    if not operator.takes(kind, **fields):
        return None
    blobs = [window.expand(channels, 1, *window.shape)]
    return operator.layer(kind, value, part=part, blobs=blobs, **fields)


def _fields(high: Sweep, wide: Sweep) -> Fields:
    return {
        **field_of("kernel", len(high.weights), len(wide.weights)),
        **field_of("stride", high.stride, wide.stride),
        **field_of("pad", high.pad, wide.pad),
    }
