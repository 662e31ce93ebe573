"""Blocks one after the other as nn.Sequential, equal ones told by a comprehension."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from protonet.lowering.outline.attributes import Moves
from protonet.lowering.outline.flow import ValueFlow, flow
from protonet.lowering.outline.signatures import Signatures
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.compound import Comprehension, Star
from protonet.program.expr import Attribute, Call, Expr, Literal, Name, Ref
from protonet.program.names import Names, cleaned
from protonet.program.path import attribute_of
from protonet.program.program import Class, InitParameter, Statement, Submodule

_LONG = 6  # blocks that all differ
_STAGES = 5


@dataclass(frozen=True)
class _Run:
    """Statements that call blocks of one class, each on what the one before gives."""

    start: int
    parts: tuple[Submodule, ...]

    @property
    def stop(self) -> int:
        return self.start + len(self.parts)


def with_runs(
    cls: Class, classes: Mapping[str, Class], signatures: Signatures
) -> tuple[Class, Moves]:
    """The class with runs of blocks as sequences, and where the blocks are then."""
    own = flow(cls, signatures)
    found = [part for run in _runs(own, classes) for part in _stages(run)]
    chosen = [run for run in found if len(run.parts) > 1]
    if not chosen:
        return cls, {}
    gone = {part.attribute for run in chosen for part in run.parts}
    names = Names({p.attribute for p in cls.submodules if p.attribute not in gone})
    names.update(MODULE_ATTRIBUTES)
    statements = list(own.statements)
    members: dict[str, Submodule] = {part.attribute: part for part in cls.submodules}
    moves: Moves = {}
    named = _names(chosen, names)
    for run, name in reversed(list(zip(chosen, named, strict=True))):
        first, last = statements[run.start], statements[run.stop - 1]
        assert isinstance(first.value, Call)
        origin = tuple(o for s in statements[run.start : run.stop] for o in s.origin)
        value = Call(Attribute(Name("self"), name), first.value.args, {})
        statements[run.start : run.stop] = [Statement(last.target, value, origin)]
        made = Submodule(name, _sequence(run, classes), origin)
        for index, part in enumerate(run.parts):
            moves[cls.name, part.attribute] = [(cls.name, name), ("", str(index))]
        firsts = run.parts[0].attribute
        members = replaced(members, {p.attribute for p in run.parts}, firsts, made)
    changed = replace(cls, statements=tuple(statements), submodules=tuple(members.values()))
    return changed, moves


def replaced(
    members: Mapping[str, Submodule], gone: set[str], at: str, made: Submodule
) -> dict[str, Submodule]:
    """The submodules with one in the place of several."""
    kept: dict[str, Submodule] = {}
    for name, part in members.items():
        if name == at:
            kept[made.attribute] = made
        elif name not in gone:
            kept[name] = part
    return kept


def _runs(own: ValueFlow, classes: Mapping[str, Class]) -> Iterator[_Run]:
    parts = {part.attribute: part for part in own.cls.submodules}
    row: list[Submodule] = []
    start, callee = 0, ""
    for index, statement in enumerate(own.statements):
        part = _block(statement, parts, classes) if own.free[index] else None
        kind = _callee(part) if part else ""
        follows = row and kind == callee and _follows(own, index)
        if row and not follows:
            yield _Run(start, tuple(row))
            row = []
        if part is not None:
            start = index if not row else start
            row.append(part)
            callee = kind
    if row:
        yield _Run(start, tuple(row))


def _block(
    statement: Statement, parts: Mapping[str, Submodule], classes: Mapping[str, Class]
) -> Submodule | None:
    value = statement.value
    if not (isinstance(value, Call) and len(value.args) == 1 and isinstance(value.args[0], Name)):
        return None
    attribute = attribute_of(value.function)
    part = parts.get(attribute) if attribute else None
    return part if part is not None and _callee(part) in classes else None


def _callee(part: Submodule) -> str:
    call = part.call
    return call.function.path if isinstance(call, Call) and isinstance(call.function, Ref) else ""


def _follows(own: ValueFlow, index: int) -> bool:
    """Whether a statement alone reads the one before it."""
    before = own.makes[index - 1]
    return own.sources[index] == before and own.readers.get(before[0]) == [index]


def _stages(run: _Run) -> list[_Run]:
    """The run as one, or as the stages of the net, whatever tells more; or every block alone."""
    if len(run.parts) < 2:
        return []
    groups = _by_name(run) or _by_likeness(run)
    told = [group for group in groups if _is_told(group)]
    if 1 < len(groups) <= _STAGES and 2 * len(told) > len(groups):
        return groups
    return [run] if _is_told(run) or len(run.parts) >= _LONG else []


def _is_told(run: _Run) -> bool:
    """Whether some of the blocks are equal, or count up."""
    return any(size > 1 for size, _ in _pieces(run.parts))


def _by_name(run: _Run) -> list[_Run]:
    """Stages as the names tell them: res2a and res2b are of res2; none where they tell nothing."""
    stages = [_stage(part.attribute) for part in run.parts]
    groups: list[tuple[str, list[int]]] = []
    for index, stage in enumerate(stages):
        if groups and groups[-1][0] == stage:
            groups[-1][1].append(index)
        else:
            groups.append((stage, [index]))
    if len(groups) == 1 or 2 * len(groups) > len(run.parts):
        return []
    return [_part(run, own[0], own[-1] + 1) for _, own in groups]


def _by_likeness(run: _Run) -> list[_Run]:
    """Stages of equal blocks, each with the one before them that leads to them."""
    texts = [part.call.text() for part in run.parts]
    rows = zip(texts, texts[1:], texts[2:], strict=False)
    heads = (i for i, (before, own, after) in enumerate(rows, 1) if before != own != after)
    starts = [0, *heads]
    return [_part(run, a, b) for a, b in zip(starts, [*starts[1:], len(texts)], strict=True)]


def _part(run: _Run, start: int, stop: int) -> _Run:
    return _Run(run.start + start, run.parts[start:stop])


def _names(runs: Sequence[_Run], taken: Names) -> list[str]:
    """An attribute for each run: its stage's name; layer1, layer2 where several are of one."""
    found = [{_stage(part.attribute) for part in run.parts} for run in runs]
    words = [one.pop() if len(one) == 1 else "" for one in found]
    told = len(set(words)) == len(words) and not set(words) & {"", "block"}
    if told:
        return [taken.free(cleaned(word)) for word in words]
    if len(words) == 1:
        return [taken.free("blocks")]
    return [taken.free(f"layer{index}") for index in range(1, len(words) + 1)]


def _stage(name: str) -> str:
    """A block's name without its place in the stage: res2a and res2b1 give res2, conv3_2 conv3."""
    shorter = re.sub(r"(?<=\d)[a-z]\d*$", "", name)
    return shorter if shorter != name else re.sub(r"[^0-9A-Za-z]?\d+$", "", name)


def _sequence(run: _Run, classes: Mapping[str, Class]) -> Call:
    items = []
    start = 0
    for size, step in _pieces(run.parts):
        call = run.parts[start].call
        if size == 1:
            items.append(call)
        elif step is None:
            count = Call(Ref("range"), (size,), {})
            items.append(Star(Comprehension(call, ("_",), count)))
        else:
            place, first, by = step
            items.append(_counting(call, classes, place, (first, first + by * size, by)))
        start += size
    return Call(Ref("nn.Sequential"), tuple(items), {})


def _counting(
    call: Expr, classes: Mapping[str, Class], place: int, ends: tuple[int, int, int]
) -> Expr:
    """Blocks of which one argument counts up."""
    assert isinstance(call, Call)
    parameter: InitParameter = classes[call.function.text()].parameters[place]
    args = [*call.args[:place], Name(parameter.name), *call.args[place + 1 :]]
    made = Call(call.function, tuple(args), call.kwargs)
    return Star(Comprehension(made, (parameter.name,), Call(Ref("range"), ends, {})))


_Piece = tuple[int, tuple[int, int, int] | None]


def _pieces(parts: Sequence[Submodule]) -> list[_Piece]:
    """How many blocks in a row are equal, or count up by one argument: its place, first, step."""
    texts = [part.call.text() for part in parts]
    rows = [_numbers(part.call) for part in parts]
    pieces: list[_Piece] = []
    start = 0
    while start < len(parts):
        same = start + 1
        while same < len(parts) and texts[same] == texts[start]:
            same += 1
        piece: _Piece = (same - start, None)
        if same == start + 1:
            piece = _progression(rows, start)
        pieces.append(piece)
        start += piece[0]
    return pieces


def _progression(rows: Sequence[list[int] | None], start: int) -> _Piece:
    """How many blocks count up from a place; one where they do not."""
    first, second = (rows[i] if i < len(rows) else None for i in (start, start + 1))
    if first is None or second is None or len(first) != len(second):
        return 1, None
    places = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(places) != 1:
        return 1, None
    (place,) = places
    by = second[place] - first[place]
    size = 0
    while start + size < len(rows):
        wanted = [*first[:place], first[place] + by * size, *first[place + 1 :]]
        if rows[start + size] != wanted:
            break
        size += 1
    return (size, (place, first[place], by)) if size > 2 and by > 0 else (1, None)


def _numbers(call: Expr) -> list[int] | None:
    """The positional arguments of a call, if they are whole numbers and all that it has."""
    if not isinstance(call, Call) or call.kwargs:
        return None
    values = [arg.value if isinstance(arg, Literal) else None for arg in call.args]
    return values if all(type(value) is int for value in values) else None  # type: ignore[return-value]
