"""Axes in another order: Permute, or parts cut from one axis and joined on another."""

from __future__ import annotations

from protonet.lifting.movement.seen import Seen
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import Shape, count

_MOST_PARTS = 16


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob with its axes, or parts of them, turned; None where they are not."""
    if seen.turned is None:
        return None
    shape, order = seen.turned
    if order == tuple(range(len(order))):
        return None
    for way in (_shuffled, _permuted, _swapped):
        found = way(operator, seen, shape, order)
        if found is not None:
            return operator.reshape(found, seen.shape)
    return None


def _shuffled(
    operator: Operator, seen: Seen, shape: Shape, order: tuple[int, ...]
) -> NewBlob | None:
    """ShuffleChannel: groups of channels turned with what is in them."""
    swap = _swap(shape, order)
    base = seen.base
    if swap is None or not operator.has("ShuffleChannel") or len(base.shape) < 3:
        return None
    outer, first, second, _ = swap
    if outer != base.shape[0] or first * second != base.shape[1]:
        return None
    return operator.layer("ShuffleChannel", base, group=first)


def _permuted(
    operator: Operator, seen: Seen, shape: Shape, order: tuple[int, ...]
) -> NewBlob | None:
    """Permute, of the blob's own axes where they do."""
    if not operator.has("Permute"):
        return None
    own = _own_order(seen)
    if own is not None:
        return operator.layer("Permute", seen.base, order=list(own))
    rows = operator.reshape(seen.base, shape, "axes")
    return operator.layer("Permute", rows, order=list(order))


def _own_order(seen: Seen) -> tuple[int, ...] | None:
    """Which axis of the blob each of the view's is."""
    if len(seen.shape) != len(seen.base.shape):
        return None
    steps = [
        int(seen.view.index.select(axis, 1).flatten()[0] - seen.flat[0]) if size > 1 else 0
        for axis, size in enumerate(seen.shape)
    ]
    inner = [count(seen.base.shape, axis + 1) for axis in range(len(steps))]
    free = [axis for axis, size in enumerate(seen.base.shape) if size == 1]
    order = []
    for step, size in zip(steps, seen.shape, strict=True):
        fits = [a for a, n in enumerate(seen.base.shape) if n > 1 and (inner[a], n) == (step, size)]
        if size == 1 and free:
            order.append(free.pop(0))
        elif size > 1 and fits:
            order.append(fits[0])
        else:
            return None
    return tuple(order)


def _swap(shape: Shape, order: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """(outer, first, second, inner) where two neighbouring axes change places, and no others."""
    turned = [place for place, axis in enumerate(order) if place != axis]
    first, last = turned[0], turned[-1]
    middle = order[first : last + 1]
    split = order[first]
    if middle != (*range(split, last + 1), *range(first, split)):
        return None
    return (
        count(shape, 0, first),
        count(shape, first, split),
        count(shape, split, last + 1),
        count(shape, last + 1),
    )


def _swapped(
    operator: Operator, seen: Seen, shape: Shape, order: tuple[int, ...]
) -> NewBlob | None:
    """Slice and Concat, where one of the two axes has few places."""
    swap = _swap(shape, order)
    if swap is None or not operator.has("Slice") or not operator.has("Concat"):
        return None
    outer, first, second, inner = swap
    most = min(_MOST_PARTS, operator.dialect.most_tops or _MOST_PARTS)
    base = seen.base
    if first <= min(second, most):
        # every group of the first axis, joined place by place of the second
        axis = _axis(base.shape, outer)
        if axis is None or base.shape[axis] % first:
            base, axis = operator.reshape(base, (outer, first * second, inner), "rows"), 1
        into = _axis(base.shape, outer * first * second)
        if into is None:
            base, axis = operator.reshape(base, (outer, first * second, inner), "rows"), 1
            into = 2
        return _joined(operator, base, axis, first, into)
    if second <= most:
        axis = _axis(base.shape, outer * first)
        into = _axis(base.shape, outer)
        if axis is None or into is None or base.shape[axis] % second:
            shape = (outer, first, second * inner)
            base, axis, into = operator.reshape(base, shape, "rows"), 2, 1
        return _joined(operator, base, axis, second, into)
    return None


def _axis(shape: Shape, outer: int) -> int | None:
    """The axis before which there are so many; the last of them, behind axes of one place."""
    fits = [axis for axis, size in enumerate(shape) if size > 1 and count(shape, 0, axis) == outer]
    return fits[0] if fits else None


def _joined(operator: Operator, base: NewBlob, axis: int, parts: int, into: int) -> NewBlob:
    size = base.shape[axis] // parts
    points = [size * i for i in range(1, parts)]
    found = operator.layers("Slice", base, part="parts", tops=parts, axis=axis, slice_point=points)
    return operator.layer("Concat", *found, part="join", axis=into)
