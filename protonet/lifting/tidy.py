"""What no reader would write: layers that nothing reads, slices of one blob apart, tops apart."""

from __future__ import annotations

from protonet.lifting.draft import Draft, NewLayer, new_message
from protonet.lifting.values import NewBlob

_IN_PLACE = frozenset(
    "AbsVal BatchNorm Bias BNLL ELU Exp Log Power PReLU ReLU Scale Sigmoid TanH Threshold".split()
)


def tidied(draft: Draft) -> None:
    """Change a draft in place: every step keeps what the outputs are."""
    _drop_unread(draft)
    _join_slices(draft)
    _work_in_place(draft)
    _silence(draft)


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


def _join_slices(draft: Draft) -> None:
    """One Slice for all that are cut from a blob along an axis, where no two overlap."""
    first: dict[tuple[int, int], list[NewLayer]] = {}
    for layer in draft.layers:
        if layer.type == "Slice":
            key = id(layer.bottoms[0]), layer.message.slice_param.axis
            first.setdefault(key, []).append(layer)
    for group in first.values():
        _join(draft, group)


def _join(draft: Draft, group: list[NewLayer]) -> None:
    read = {id(bottom) for layer in draft.layers for bottom in layer.bottoms}
    read |= {id(blob) for blob in draft.outputs}
    head = group[0]
    size = head.bottoms[0].shape[head.message.slice_param.axis]
    parts: dict[tuple[int, int], list[NewBlob]] = {}
    for layer in group:
        points = [0, *layer.message.slice_param.slice_point, size]
        for top, start, stop in zip(layer.tops, points, points[1:], strict=True):
            if id(top) in read:
                parts.setdefault((start, stop), []).append(top)
    ranges = sorted(parts)
    if any(a[1] > b[0] for a, b in zip(ranges, ranges[1:], strict=False)):
        return
    points = sorted({point for each in ranges for point in each} - {0, size})
    edges = [0, *points, size]
    tops: list[NewBlob] = []
    for start, stop in zip(edges, edges[1:], strict=True):
        same = parts.get((start, stop), [])
        shape = list(head.bottoms[0].shape)
        shape[head.message.slice_param.axis] = stop - start
        tops.append(same[0] if same else NewBlob(tuple(shape), f"{head.path}.rest"))
        for other in same[1:]:
            replace(draft, other, same[0])
    head.tops = tops
    head.message.slice_param.slice_point[:] = points
    draft.layers = [layer for layer in draft.layers if layer not in group[1:]]


def replace(draft: Draft, old: NewBlob, new: NewBlob) -> None:
    """Let every reader of a blob read another."""
    for layer in draft.layers:
        layer.bottoms = [new if bottom is old else bottom for bottom in layer.bottoms]
    draft.outputs = [new if blob is old else blob for blob in draft.outputs]
    draft.values = {n: new if b is old else b for n, b in draft.values.items()}


def _work_in_place(draft: Draft) -> None:
    """Let layers write over their bottom, as Caffe's nets have it, where nobody else reads that."""
    counts: dict[int, int] = {}
    for layer in draft.layers:
        for bottom in layer.bottoms:
            counts[id(bottom)] = counts.get(id(bottom), 0) + 1
    makers = {id(top): layer for layer in draft.layers for top in layer.tops}
    given = {id(blob) for blob in (*draft.outputs, *draft.inputs)}
    for layer in draft.layers:
        bottom = layer.bottoms[0] if layer.bottoms else None
        if bottom is None or layer.type not in _IN_PLACE or len(layer.bottoms) > 1:
            continue
        maker = makers.get(id(bottom))
        if maker is None or id(bottom) in given or counts[id(bottom)] > 1:
            continue
        if len(maker.tops) > 1 or maker.type in ("Flatten", "Reshape", "Slice", "Split"):
            continue
        (top,) = layer.tops
        layer.tops = [bottom]
        draft.values = {n: b for n, b in draft.values.items() if b is not bottom}
        replace(draft, top, bottom)
        layer.bottoms, makers[id(bottom)] = [bottom], layer
        counts[id(bottom)] = counts.get(id(top), 0)
        if any(blob is bottom for blob in draft.outputs):
            given.add(id(bottom))


def _silence(draft: Draft) -> None:
    """Give the parts that nothing reads to a Silence, so that they are no outputs of the net."""
    read = {id(bottom) for layer in draft.layers for bottom in layer.bottoms}
    read |= {id(blob) for blob in draft.outputs}
    for place, layer in reversed(list(enumerate(draft.layers))):
        loose = [top for top in layer.tops if id(top) not in read]
        if loose:
            message = new_message("Silence", {})
            silence = NewLayer(message, loose, [], [], f"{layer.path}.silence", layer.node)
            draft.layers.insert(place + 1, silence)
