"""Slices of one blob: as one layer, or as a Crop where one part alone is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.lifting.draft import Draft, NewLayer, new_message
from protonet.lifting.in_place import IN_PLACE
from protonet.lifting.values import NewBlob
from protonet.shape import Shape


def join_slices(draft: Draft) -> bool:
    """One Slice for all parts of a blob along an axis without overlap; whether there were any."""
    groups: dict[tuple[int, int], list[NewLayer]] = {}
    for layer in draft.layers:
        if layer.type == "Slice":
            key = id(layer.bottoms[0]), layer.message.slice_param.axis
            groups.setdefault(key, []).append(layer)
    changed = False
    for group in groups.values():
        head, *others = group
        for other in others:
            changed |= _join(draft, head, other)
    return changed


def _join(draft: Draft, head: NewLayer, other: NewLayer) -> bool:
    """Move what is read of a Slice into another, as long as no two parts overlap."""
    parts, more = _read_parts(draft, head), _read_parts(draft, other)
    ranges = sorted({*parts, *more})
    if any(a[1] > b[0] for a, b in zip(ranges, ranges[1:], strict=False)):
        return False
    axis = head.message.slice_param.axis
    size = head.bottoms[0].shape[axis]
    points = sorted({point for each in ranges for point in each} - {0, size})
    most = draft.dialect.most_tops
    if most is not None and len(points) >= most:
        return False
    for place, top in more.items():
        if place in parts:
            draft.replace(top, parts[place])
    parts = {**more, **parts}
    tops = []
    edges = [0, *points, size]
    for start, stop in zip(edges, edges[1:], strict=False):
        shape = list(head.bottoms[0].shape)
        shape[axis] = stop - start
        tops.append(parts.get((start, stop)) or NewBlob(tuple(shape), f"{head.path}.rest"))
    head.tops = tops
    head.message.slice_param.slice_point[:] = points
    draft.layers = [layer for layer in draft.layers if layer is not other]
    return True


def _read_parts(draft: Draft, layer: NewLayer) -> dict[tuple[int, int], NewBlob]:
    """The parts of a Slice that are read, each by where it starts and stops."""
    read = {id(bottom) for each in draft.layers for bottom in each.bottoms}
    read |= {id(blob) for blob in draft.outputs}
    size = layer.bottoms[0].shape[layer.message.slice_param.axis]
    points = [0, *layer.message.slice_param.slice_point, size]
    edges = zip(points, points[1:], strict=False)
    return {edge: top for edge, top in zip(edges, layer.tops, strict=True) if id(top) in read}


@dataclass(frozen=True, eq=False)
class _Cut:
    """Slices in a row of which one part each is read: where that starts, axis by axis."""

    layers: tuple[NewLayer, ...]
    offsets: dict[int, int]
    top: NewBlob

    @property
    def bottom(self) -> NewBlob:
        return self.layers[0].bottoms[0]


def crop(draft: Draft) -> None:
    """A Crop in place of Slices with one part each, where a blob has the size of that part."""
    if not draft.dialect.has("Crop"):
        return
    for cut in _cuts(draft):
        axis = min(cut.offsets)
        like = _of_size(draft, cut, axis)
        if like is None:
            continue
        offsets = [cut.offsets.get(i, 0) for i in range(axis, len(cut.top.shape))]
        same = len(set(offsets)) == 1
        fields = {
            "axis": axis,
            "offset": (offsets[:1] if any(offsets) else None) if same else offsets,
        }
        message = new_message("Crop", {k: v for k, v in fields.items() if v is not None})
        message.bottom.extend(("bottom0", "bottom1"))
        message.top.append("top0")
        last = cut.layers[-1]
        made = NewLayer(message, [cut.bottom, like], [cut.top], [], last.path, last.node)
        draft.layers = [made if each is last else each for each in draft.layers]
        draft.layers = [each for each in draft.layers if each not in cut.layers]


def _cuts(draft: Draft) -> list[_Cut]:
    """The Slices of which one part is read, those in a row as one."""
    found: dict[int, _Cut] = {}
    for layer in draft.layers:
        parts = _read_parts(draft, layer) if layer.type == "Slice" else {}
        if len(parts) != 1:
            continue
        (((start, _), top),) = parts.items()
        axis, bottom = layer.message.slice_param.axis, layer.bottoms[0]
        before = found.get(id(bottom))
        if before and draft.readers(bottom) == [layer] and axis not in before.offsets:
            del found[id(bottom)]
            offsets = {**before.offsets, axis: start}
            found[id(top)] = _Cut((*before.layers, layer), offsets, top)
        else:
            found[id(top)] = _Cut((layer,), {axis: start}, top)
    return list(found.values())


def _of_size(draft: Draft, cut: _Cut, axis: int) -> NewBlob | None:
    """A blob made before of the size of a cut, which nobody would write over; the last such."""
    wanted: Shape = cut.top.shape[axis:]
    found = list(draft.inputs)
    for layer in draft.layers:
        if layer is cut.layers[0]:
            break
        found += layer.tops
    for blob in reversed(found):
        if len(blob.shape) == len(cut.top.shape) and blob.shape[axis:] == wanted:
            readers = draft.readers(blob)
            if readers and not (len(readers) == 1 and readers[0].type in IN_PLACE):
                return blob
    return None
