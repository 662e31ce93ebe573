"""Repeats: Tile, which lays the elements behind an axis out several times."""

from __future__ import annotations

from protonet.lifting.movement.seen import Seen, elements_of
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob, View
from protonet.shape import Shape, count


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The elements once, in any form that is direct, then each repeat; None where none repeats."""
    loops = seen.loops
    if loops is None or not operator.has("Tile") or all(step for _, step in loops):
        return None
    once = _once(operator, seen, loops)
    if once is None:
        return None
    inside = seen.row
    for place, (size, step) in reversed(list(enumerate(loops))):
        if not step:
            word = "" if place == min(i for i, loop in enumerate(loops) if not loop[1]) else "tile"
            once = _repeated(operator, once, inside, size, word)
        inside *= size
    return operator.reshape(once, seen.shape)


def _once(operator: Operator, seen: Seen, loops: tuple[tuple[int, int], ...]) -> NewBlob | None:
    """The elements without their repeats."""
    sizes = [size for size, _ in loops]
    grid = seen.flat.reshape(sizes)
    for axis, (_, step) in enumerate(loops):
        if not step:
            grid = grid.narrow(axis, 0, 1)
    index = elements_of(grid, seen.row)
    whole = index.numel() == count(seen.base.shape)
    shape = seen.base.shape if whole else tuple(index.shape)
    view = View(seen.base, index.reshape(shape), seen.view.node)
    return operator.blob(view)


def _repeated(operator: Operator, blob: NewBlob, inside: int, times: int, part: str) -> NewBlob:
    """Every run of ``inside`` elements laid out several times."""
    shape: Shape = blob.shape
    axis = next((i for i in range(len(shape)) if count(shape, i) == inside), None)
    if axis is None:
        shape = (count(shape) // inside, inside)
        blob, axis = operator.reshape(blob, shape, "rows"), 1
    return operator.layer("Tile", blob, part=part, axis=axis, tiles=times)
