"""A class in which regions have become calls of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protonet.lowering.outline.region import Region
from protonet.program.expr import Attribute, Call, Name
from protonet.program.program import Class, Free, Origins, Statement, Submodule


@dataclass(frozen=True)
class BlockPlace:
    """A region that becomes ``self.attribute = call`` and one statement."""

    region: Region
    attribute: str
    call: Call


def with_blocks(cls: Class, places: Sequence[BlockPlace]) -> Class:
    """The class with its regions written as blocks."""
    at = {place.region.start: place for place in places}
    statements: list[Statement | Free] = []
    index = 0
    while index < len(cls.statements):
        place = at.get(index)
        statements.append(_statement(place) if place else cls.statements[index])
        index = place.region.stop if place else index + 1
    homes = {name: place for place in places for name in place.region.attributes}
    submodules: dict[str, Submodule] = {}
    for part in cls.submodules:
        home = homes.get(part.attribute)
        if home is None:
            submodules[part.attribute] = part
        elif home.attribute not in submodules or submodules[home.attribute].call is not home.call:
            origin = tuple(o for s in _statements(home.region) for o in s.origin)
            submodules[home.attribute] = Submodule(home.attribute, home.call, origin)
    return replace(cls, statements=tuple(statements), submodules=tuple(submodules.values()))


def _statements(region: Region) -> Sequence[Statement]:
    return region.flow.statements[region.start : region.stop]


def _statement(place: BlockPlace) -> Statement:
    """The call of a block on the value that its region reads."""
    region = place.region
    origin: Origins = tuple(o for s in _statements(region) for o in s.origin)
    given = tuple(Name(name) for _, name in region.ins)
    value = Call(Attribute(Name("self"), place.attribute), given, {})
    outs = [name for _, name in region.outs]
    target = ", ".join(outs) if len(outs) > 1 else _statements(region)[-1].target
    return Statement(target, value, origin)
