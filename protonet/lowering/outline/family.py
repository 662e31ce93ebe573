"""Regions that are alike: the same statements, or the same but for one branch that some lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from protonet.lowering.outline.flow import ValueFlow
from protonet.lowering.outline.form import Key
from protonet.lowering.outline.region import Region, chain, regions
from protonet.program.expr import Binary

Find = Callable[[Sequence[ValueFlow]], "list[Family]"]

_CLASS = 6  # lines of a class beside its submodules and statements
_USE = 2  # lines of a use: the submodule and the statement
_BRANCH = 4  # statements of a branch that some uses lack


@dataclass(frozen=True)
class Family:
    """Regions that one class can stand for.

    ``branch`` are those statements of the model, counted from its start, that the uses do not have
    of which ``whole`` says False: a projection, or the last statement, which adds what went in.
    """

    model: Region
    uses: tuple[Region, ...]
    whole: tuple[bool, ...]
    branch: tuple[int, int] | None = None

    @property
    def inside(self) -> tuple[str, ...]:
        """The submodules of the branch."""
        start, stop = self.branch or (0, 0)
        forms = self.model.flow.forms[self.model.start + start : self.model.start + stop]
        return tuple(name for one in forms for name in one.modules)

    @property
    def is_open(self) -> bool:
        """Whether some uses do not add what went in to what comes out."""
        return self.branch is not None and self.branch[1] == len(self.model)

    @property
    def saved(self) -> int:
        """How many lines fewer there are with the class."""
        before = sum(use.lines for use in self.uses)
        return before - (self.model.lines + _CLASS) - _USE * len(self.uses)


def families(flows: Sequence[ValueFlow]) -> list[Family]:
    """The outermost regions that repeat in some classes, each class of regions once."""
    found: dict[Key, list[Region]] = {}
    waiting = [region for flow in flows for region in _of_body(flow)]
    while waiting:
        for region in waiting:
            found.setdefault(region.key, []).append(region)
        alone = [key for key, uses in found.items() if len(uses) == 1]
        variants = {key for key in alone if any(_branch(a, key) for a in _models(found, key))}
        waiting = []
        for key in alone:
            if key not in variants and found[key]:
                (region,) = found.pop(key)
                waiting += regions(region.flow, region.start, region.stop - 1)
    joined = _joined(found)
    taken = {place for family in joined for use in family.uses for place in _places(use)}
    made = [_with_open(family, flows, taken) for family in joined]
    worth = [family for family in made if family.saved > 0]
    return sorted(worth, key=lambda family: min(use.start for use in family.uses))


def _of_body(flow: ValueFlow) -> Iterable[Region]:
    """The outermost regions of a class; not one that is the class."""
    count = len(flow.statements)
    for region in regions(flow, 0, count):
        if len(region) < count:
            yield region
        else:
            yield from regions(flow, 0, count - 1)


def _models(found: dict[Key, list[Region]], other: Key) -> Iterable[Key]:
    return (key for key, uses in found.items() if len(uses) > 1 and key != other)


def _branch(one: Key, other: Key) -> tuple[int, int] | None:
    """The branch that the longer of two regions has and the shorter has not."""
    long, short = sorted((one, other), key=len, reverse=True)
    size = len(long) - len(short)
    if not 0 < size <= _BRANCH:
        return None
    for start in range(len(short)):
        if long[:start] != short[:start]:
            return None
        if _is_mixed(long[start : start + size]):
            continue
        source = _source(long, start, start + size)
        if source is not None and _without(long, start, start + size, source) == short:
            return start, start + size
    return None


def _is_mixed(branch: Key) -> bool:
    """Whether a branch is neither of submodules alone, one after the other, nor without any."""
    kinds = {_is_of_modules(form) for form, _ in branch}
    return None in kinds or len(kinds) > 1


def _is_of_modules(form: Key) -> bool | None:
    """Whether a statement calls nothing but submodules; None where it does both."""
    kinds = set()
    while form[0] == "Call" and form[1] == ("1",):
        inner, function = form[2], form[3]
        kinds.add(function[0] == "module")
        form = inner
    return kinds.pop() if form == ("name",) and len(kinds) == 1 else None


def _source(key: Key, start: int, stop: int) -> int | None:
    """Where the value comes from that a chain of statements works on."""
    wires = [wiring for _, wiring in key[start:stop]]
    if any(len(wiring) != 1 for wiring in wires):
        return None
    chained = all(wires[i][0] == (start + i - 1, 0) for i in range(1, len(wires)))
    first: int = wires[0][0][0]
    return first if chained else None


def _without(key: Key, start: int, stop: int, source: int) -> Key:
    """A region without a branch: who read its value reads what it worked on."""

    def moved(wire: tuple[int, int]) -> tuple[int, int]:
        place, part = wire
        if place == stop - 1:
            return (source, 0)
        return (place - (stop - start) if place >= stop else place, part)

    return (*key[:start], *((form, tuple(map(moved, wires))) for form, wires in key[stop:]))


def _places(region: Region) -> set[tuple[int, int]]:
    """The statements of a region, each with its class."""
    return {(id(region.flow), index) for index in range(region.start, region.stop)}


def _with_open(family: Family, flows: Sequence[ValueFlow], taken: set[tuple[int, int]]) -> Family:
    """The family with the chains that are its model but for the last sum of two.

    Statements that are ``taken`` are of another family; those of the chains are then, too.
    """
    model, key = family.model, family.model.key
    place = model.stop - 1
    last = model.flow.statements[place].value
    if family.branch is not None or not isinstance(last, Binary) or last.operator != "+":
        return family
    wired = {source for source, _ in key[-1][1]}
    if wired != {-1, len(model) - 2}:
        return family
    more = []
    for flow in flows:
        start = 0
        while start + len(model) - 1 <= len(flow.statements):
            end = start + len(model) - 1
            own = chain(flow, start, end)
            if own and not _places(own) & taken and own.key == key[:-1]:
                more.append(own)
                taken |= _places(own)
                start = end
            else:
                start += 1
    if not more:
        return family
    whole = (True,) * len(family.uses) + (False,) * len(more)
    return Family(model, (*family.uses, *more), whole, (len(model) - 1, len(model)))


def _joined(found: dict[Key, list[Region]]) -> list[Family]:
    """Families, those that differ in a branch as one."""
    left = dict(found)
    made = []
    branch: tuple[int, int] | None
    for key in sorted(found, key=lambda k: (-len(k), -len(found[k]))):
        if key not in left:
            continue
        own, short = left.pop(key), list[Region]()
        branch = None
        others = [(o, part) for o in left if (part := _branch(key, o)) is not None]
        if others:
            other, branch = max(others, key=lambda pair: len(left[pair[0]]))
            short = left.pop(other)
        whole = (True,) * len(own) + (False,) * len(short)
        made.append(Family(own[0], (*own, *short), whole, branch))
    return [family for family in made if len(family.uses) > 1]
