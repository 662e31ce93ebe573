"""What no reader would write: layers that nothing reads, twice the same, shapes on the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from protonet.lifting.draft import Draft, NewLayer, new_message
from protonet.lifting.in_place import IN_PLACE, work_in_place
from protonet.lifting.joins import join_arithmetic
from protonet.lifting.slices import crop, join_slices
from protonet.lifting.values import NewBlob

_SHAPES = frozenset(("Flatten", "Reshape"))
_BY_AXES = frozenset(("BatchNorm", "Bias", "PReLU", "Scale"))


def tidied(draft: Draft) -> None:
    """Change a draft in place: every step keeps what the outputs are."""
    _drop_unread(draft)
    steps: tuple[Callable[[Draft], bool], ...] = (
        _join_same,
        join_slices,
        _join_reshapes,
        join_arithmetic,
        _move_reshapes,
    )
    while any(step(draft) for step in steps):
        _drop_unread(draft)
    crop(draft)
    work_in_place(draft)
    _silence(draft)
    there = {id(top) for layer in draft.layers for top in layer.tops} | set(map(id, draft.inputs))
    draft.values = {node: blob for node, blob in draft.values.items() if id(blob) in there}


def _drop_unread(draft: Draft) -> None:
    wanted = {id(blob) for blob in draft.outputs}
    kept: list[NewLayer] = []
    for layer in reversed(draft.layers):
        if any(id(top) in wanted for top in layer.tops):
            wanted |= {id(bottom) for bottom in layer.bottoms}
            kept.append(layer)
    draft.layers = kept[::-1]
    there = wanted | {id(blob) for blob in draft.inputs}
    draft.values = {node: blob for node, blob in draft.values.items() if id(blob) in there}


def _join_same(draft: Draft) -> bool:
    """One layer for all that do the same to the same blobs; whether there were any."""
    first: dict[tuple[object, ...], NewLayer] = {}
    kept: list[NewLayer] = []
    for layer in draft.layers:
        bottoms = tuple(map(id, layer.bottoms))
        shapes = tuple(blob.shape for blob in layer.blobs)
        key = (bottoms, layer.message.SerializeToString(), shapes, layer.states)
        other = first.setdefault(key, layer)
        pairs = zip(layer.blobs, other.blobs, strict=True)
        if other is layer or not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
            kept.append(layer)
            continue
        for top, same in zip(layer.tops, other.tops, strict=True):
            draft.replace(top, same)
    changed = len(kept) < len(draft.layers)
    draft.layers = kept
    return changed


def _join_reshapes(draft: Draft) -> bool:
    """One Reshape for several in a row, none where they lead back; whether there were any."""
    makers = {id(top): layer for layer in draft.layers for top in layer.tops}
    changed = False
    for layer in draft.layers:
        if layer.type not in ("Flatten", "Reshape"):
            continue
        before = makers.get(id(layer.bottoms[0]))
        if before is None or before.type not in ("Flatten", "Reshape"):
            continue
        source, (top,) = before.bottoms[0], layer.tops
        if source.shape == top.shape:
            draft.replace(top, source)
            changed = True
        elif draft.readers(before.tops[0]) == [layer] and before.tops[0] not in draft.outputs:
            _reshape(layer, source, top)
            changed = True
    return changed


def _move_reshapes(draft: Draft) -> bool:
    """What works element by element before a Reshape that another follows, so that they join."""
    makers = {id(top): layer for layer in draft.layers for top in layer.tops}
    for layer in draft.layers:
        steps = _steps_before(draft, layer, makers) if layer.type in _SHAPES else []
        if len(steps) > 1 and steps[-1].type in _SHAPES:
            _move(draft, steps[-2::-1], steps[-1].bottoms[0])
            _reshape(layer, steps[0].tops[0], layer.tops[0])
            if steps[0].tops[0].shape == layer.tops[0].shape:
                draft.replace(layer.tops[0], steps[0].tops[0])
            return True
    return False


def _steps_before(draft: Draft, layer: NewLayer, makers: dict[int, NewLayer]) -> list[NewLayer]:
    """The layers that lead to one element by element, the last first, back to a Reshape."""
    steps: list[NewLayer] = []
    blob = layer.bottoms[0]
    while _is_between(draft, blob, makers):
        steps.append(makers[id(blob)])
        if steps[-1].type in _SHAPES:
            break
        (blob,) = steps[-1].bottoms
    return steps


def _is_between(draft: Draft, blob: NewBlob, makers: dict[int, NewLayer]) -> bool:
    """Whether a blob is of an element by element layer, or of a Reshape, and read once."""
    maker = makers.get(id(blob))
    if maker is None or maker.type not in IN_PLACE - _BY_AXES | _SHAPES or len(maker.bottoms) > 1:
        return False
    return len(draft.readers(blob)) == 1 and blob not in draft.outputs


def _move(draft: Draft, steps: list[NewLayer], source: NewBlob) -> None:
    """Let layers in a row read another shape."""
    for each in steps:
        (top,) = each.tops
        draft.values = {node: blob for node, blob in draft.values.items() if blob is not top}
        each.bottoms, each.tops = [source], [NewBlob(source.shape, top.path)]
        source = each.tops[0]


def _reshape(layer: NewLayer, source: NewBlob, top: NewBlob) -> None:
    from protonet.lifting.operator import reshaped

    dims = reshaped(source.shape, top.shape)
    layer.message = new_message("Reshape", {"shape": {"dim": dims}})
    layer.message.bottom.append("bottom0")
    layer.message.top.append("top0")
    layer.bottoms = [source]


def _silence(draft: Draft) -> None:
    """Give the parts that nothing reads to a Silence, so that they are no outputs of the net."""
    read = {id(bottom) for layer in draft.layers for bottom in layer.bottoms}
    read |= {id(blob) for blob in draft.outputs}
    loose = [(layer, top) for layer in draft.layers for top in layer.tops if id(top) not in read]
    if loose and draft.dialect.has("Silence"):
        last, tops = loose[-1][0], [top for _, top in loose]
        draft.layers.append(NewLayer(new_message("Silence", {}), tops, [], [], "rest", last.node))
