"""Rows of statements that repeat with several values in or out: the heads of a detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protonet.lowering.outline.family import Family
from protonet.lowering.outline.flow import Made, ValueFlow
from protonet.lowering.outline.form import Key
from protonet.lowering.outline.kind import joined
from protonet.lowering.outline.region import Region
from protonet.program.layout import statement

_LONGEST = 20
_MOST_INS, _MOST_OUTS = 3, 4
_CLASS, _LEAST = 7, 4  # lines of a class, and lines that it must save


def siblings(flows: Sequence[ValueFlow]) -> list[Family]:
    """The row that saves most lines, if any is worth a class."""
    found: dict[Key, list[Region]] = {}
    for region, key in _candidates(flows):
        own = found.setdefault(key, [])
        if not own or own[-1].flow is not region.flow or own[-1].stop <= region.start:
            own.append(region)
    best: tuple[int, bool, list[Region]] = (0, False, [])
    for uses in found.values():
        saved = _saved(uses) if len(uses) > 2 else 0
        # Of rows that save as much, the one that begins where values come together.
        if saved and (saved, _begins(uses[0])) > best[:2]:
            best = saved, _begins(uses[0]), uses
    saved, _, uses = best
    return [Family(uses[0], tuple(uses), (True,) * len(uses))] if saved >= _LEAST else []


def _begins(region: Region) -> bool:
    return bool(joined(region.flow.statements[region.start].value))


def _candidates(flows: Sequence[ValueFlow]) -> Iterator[tuple[Region, Key]]:
    """Rows with a submodule, that are not one value on its way through blocks."""
    for flow in flows:
        if _is_chain(flow):
            continue
        count = len(flow.statements)
        for start in range(count):
            key: list[object] = []
            before: dict[Made, int] = {}
            for stop in range(start + 1, min(start + _LONGEST, count) + 1):
                index = stop - 1
                if not flow.free[index] or len(flow.makes[index]) != 1:
                    break
                for made in flow.sources[index]:
                    if made[0] < start:
                        before.setdefault(made, -1 - len(before))
                if len(before) > _MOST_INS:
                    break
                key.append((flow.forms[index].key, _wires(flow, index, start, before)))
                region = Region(flow, start, stop)
                if stop - start > 1 and stop - start < count and _is_apart(region, len(before)):
                    outs = tuple(at - start for at, _ in region.outs)
                    yield region, (*key, outs)


def _is_chain(flow: ValueFlow) -> bool:
    """Whether every statement reads one value, and every value is read once: no branches."""
    one_way = all(len(readers) == 1 for readers in flow.readers.values())
    return one_way and all(len(sources) == 1 for sources in flow.sources)


def _wires(flow: ValueFlow, index: int, start: int, before: dict[Made, int]) -> Key:
    """Where a statement's variables come from; those from outside are counted from -1 down."""
    sources = {name: (place, name) for place, name in flow.sources[index]}
    read = (sources[name] for name in flow.forms[index].reads)
    return tuple(before[made] if made[0] < start else made[0] - start for made in read)


def _is_apart(region: Region, ins: int) -> bool:
    """Whether a row has several ways in or out, the last statement's value among them."""
    outs = region.outs
    if not region.attributes or not 1 <= len(outs) <= _MOST_OUTS or outs[-1][0] != region.stop - 1:
        return False
    several = len(outs) > 1 or ins > 1
    return several and _is_whole(region)


def _is_whole(region: Region) -> bool:
    """Whether the statements hang together by what they read, from outside or inside."""
    flow = region.flow
    groups: list[set[Made]] = []
    for index in range(region.start, region.stop):
        own = {*flow.sources[index], *flow.makes[index]}
        touching = [group for group in groups if group & own]
        groups = [group for group in groups if not group & own]
        groups.append(own.union(*touching))
    return len(groups) == 1


def _saved(uses: Sequence[Region]) -> int:
    """How many lines fewer there are with a class."""
    before = sum(len(use.attributes) + _lines(use) for use in uses)
    model = uses[0]
    differing = [
        row for row in zip(*(use.slots for use in uses), strict=True)
        if len({value.text() for _, value in row}) > 1
    ]  # fmt: skip
    given = sum(1 + sum(len(value.text()) for _, value in row) // 80 for row in differing)
    return before - (len(model.attributes) + _lines(model) + _CLASS) - len(uses) * (2 + given)


def _lines(region: Region) -> int:
    """The lines of a row's statements, their variables as short as they will be."""
    statements = region.flow.statements[region.start : region.stop]
    return sum(len(statement("x = ", one.value, 16)) for one in statements)
