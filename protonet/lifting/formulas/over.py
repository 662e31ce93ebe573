"""Over axes: sums, means, and the largest element."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from protonet.lifting.formulas.scalars import affine
from protonet.lifting.movement.linear import along
from protonet.lifting.operator import Operator
from protonet.lifting.values import Held, NewBlob
from protonet.shape import Shape, count

_Step = Callable[[Operator, NewBlob, int, int, str], NewBlob]


def axes_of(axes: Sequence[int] | int | None, rank: int) -> tuple[int, ...]:
    """Axes as torch is given them, counted from 0 and in order; all where none are given."""
    if axes is None or (not isinstance(axes, int) and not axes):
        return tuple(range(rank))
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    return tuple(sorted({axis % rank if rank else 0 for axis in given}))


def summed(
    operator: Operator, x: Held, axes: Sequence[int], keeps: bool = True, part: str = ""
) -> NewBlob:
    """The sum over axes, which stay with size 1 where ``keeps``."""
    return _reduced(operator, x, axes, keeps, _sum, part)


def averaged(
    operator: Operator, x: Held, axes: Sequence[int], keeps: bool = True, part: str = ""
) -> NewBlob:
    """The mean over axes, which stay with size 1 where ``keeps``."""
    return _reduced(operator, x, axes, keeps, _mean, part)


def largest(
    operator: Operator, x: Held, axes: Sequence[int], keeps: bool = True, part: str = ""
) -> NewBlob:
    """The largest element over axes, which stay with size 1 where ``keeps``."""
    return _reduced(operator, x, axes, keeps, _largest, part)


def smallest(
    operator: Operator, x: Held, axes: Sequence[int], keeps: bool = True, part: str = ""
) -> NewBlob:
    """The smallest element over axes, which stay with size 1 where ``keeps``."""
    turned = affine(operator, x, -1, part="negative")
    found = largest(operator, turned, axes, keeps, "largest")
    return affine(operator, found, -1, part=part)


def _reduced(
    operator: Operator, x: Held, axes: Sequence[int], keeps: bool, step: _Step, part: str
) -> NewBlob:
    """One run of neighbouring axes after the other, the last first."""
    top, shape = operator.blob(x), list(x.shape)
    for start, stop in reversed(_runs(axes)):
        if count(tuple(shape), start, stop) > 1:
            top = step(operator, operator.reshape(top, tuple(shape)), start, stop, part)
        shape[start:stop] = [1] * (stop - start)
    if not keeps:
        shape = [size for axis, size in enumerate(shape) if axis not in axes]
    return operator.reshape(top, tuple(shape))


def _runs(axes: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for axis in axes:
        if found and found[-1][1] == axis:
            found[-1] = (found[-1][0], axis + 1)
        else:
            found.append((axis, axis + 1))
    return found


def _sum(operator: Operator, x: NewBlob, start: int, stop: int, part: str) -> NewBlob:
    if count(x.shape, stop) == 1:
        return operator.layer("Reduction", x, part=part, axis=start)
    return _weighted(operator, x, start, stop, 1.0, part)


def _mean(operator: Operator, x: NewBlob, start: int, stop: int, part: str) -> NewBlob:
    if _is_space(x.shape, start, stop):
        return operator.layer("Pooling", x, part=part, pool="AVE", global_pooling=True)
    if count(x.shape, stop) == 1:
        return operator.layer("Reduction", x, part=part, operation="MEAN", axis=start)
    return _weighted(operator, x, start, stop, 1 / count(x.shape, start, stop), part)


def _largest(operator: Operator, x: NewBlob, start: int, stop: int, part: str) -> NewBlob:
    if _is_space(x.shape, start, stop):
        return operator.layer("Pooling", x, part=part, global_pooling=True)
    outer, size, inner = _parts(x.shape, start, stop)
    if operator.has("ArgMax"):
        given = x if stop - start == 1 else operator.reshape(x, (outer, size, inner), "rows")
        axis = start if stop - start == 1 else 1
        return operator.layer("ArgMax", given, part=part, axis=axis, out_max_val=True)
    given = operator.reshape(x, (outer, 1, size, inner), "rows")
    return operator.layer("Pooling", given, part=part, kernel_h=size, kernel_w=1)


def _weighted(
    operator: Operator, x: NewBlob, start: int, stop: int, weight: float, part: str
) -> NewBlob:
    """The sum over axes in the middle: a convolution whose weights are all the same."""
    outer, size, inner = _parts(x.shape, start, stop)
    if stop - start > 1:
        x, start = operator.reshape(x, (outer, size, inner, 1), "rows"), 1
    return along(operator, x, start, torch.full((1, size), weight), part)


def _parts(shape: Shape, start: int, stop: int) -> tuple[int, int, int]:
    return count(shape, 0, start), count(shape, start, stop), count(shape, stop)


def _is_space(shape: Shape, start: int, stop: int) -> bool:
    """Whether it is all that a global pooling takes."""
    return len(shape) == 4 and (start, stop) == (2, 4)
