"""Blocks side by side as nn.ModuleList: each on a value of its own, their results concatenated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from protonet.lowering.outline.flow import ValueFlow
from protonet.lowering.outline.paths import PathStep
from protonet.lowering.outline.runs import replaced
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.compound import Comprehension, Star
from protonet.program.expr import Attribute, Call, Expr, Name, Ref, wrap
from protonet.program.expr import Sequence as Display
from protonet.program.names import Names
from protonet.program.parts import every
from protonet.program.path import attribute_of
from protonet.program.program import Class, Origins, Statement, Submodule

_LEAST = 3  # blocks of a list


@dataclass(frozen=True)
class _Row:
    """Statements one after the other that call blocks of one class, each with its arguments."""

    start: int
    parts: tuple[Submodule, ...]
    arguments: tuple[tuple[Expr, ...], ...]

    @property
    def place(self) -> int | None:
        """Which argument differs, if it is one alone."""
        columns = zip(*self.arguments, strict=True)
        differing = [i for i, c in enumerate(columns) if len({value.text() for value in c}) > 1]
        return differing[0] if len(differing) == 1 else None


def with_lists(
    own: ValueFlow, classes: Mapping[str, Class], taken: set[str]
) -> tuple[Class, dict[PathStep, list[PathStep]]]:
    """The class with rows of heads as lists, and where the heads are then."""
    cls = own.cls
    moves: dict[PathStep, list[PathStep]] = {}
    names = Names({*taken, *cls.arguments, *(n for made in own.makes for _, n in made), "x", "y"})
    members = {part.attribute: part for part in cls.submodules}
    statements: dict[int, list[Statement]] = {i: [s] for i, s in enumerate(own.statements)}
    free = Names({*members, *MODULE_ATTRIBUTES})
    for row in _rows(own, classes):
        readers = _readers(own, row)
        if row.place is None or readers is None:
            continue
        attribute = free.free("heads")
        calls = tuple(part.call for part in row.parts)
        origin = tuple(o for part in row.parts for o in part.origin)
        made = Submodule(attribute, Call(Ref("nn.ModuleList"), (Display("[]", calls),), {}), origin)
        gone = {part.attribute for part in row.parts}
        members = replaced(members, gone, row.parts[0].attribute, made)
        for index, part in enumerate(row.parts):
            moves[cls.name, part.attribute] = [(cls.name, attribute), ("", str(index))]
        words = [names.free(word) for word in _words(row, classes, len(readers))]
        stop = row.start + len(row.parts)
        statements.update({index: [] for index in range(row.start, stop)})
        statements[row.start] = _called(row, attribute, words, names, origin)
        for (reader, display), word in zip(readers, words, strict=True):
            changed = [_given(s, display, Name(word)) for s in statements[reader]]
            statements[reader] = changed
    body = tuple(s for own_of in statements.values() for s in own_of)
    return replace(cls, submodules=tuple(members.values()), statements=body), moves


def _rows(own: ValueFlow, classes: Mapping[str, Class]) -> Iterator[_Row]:
    """The rows of blocks with several results, or several arguments."""
    row: list[tuple[Submodule, tuple[Expr, ...]]] = []
    start, callee = 0, ""
    for index, statement in enumerate(own.statements):
        value = statement.value
        attribute = attribute_of(value.function) if isinstance(value, Call) else None
        module = own.modules.get(attribute) if attribute else None
        fits = module is not None and module.callee in classes and own.free[index]
        if row and not (fits and module is not None and module.callee == callee):
            if len(row) >= _LEAST:
                yield _Row(start, tuple(p for p, _ in row), tuple(a for _, a in row))
            row = []
        if fits and module is not None and isinstance(value, Call) and attribute:
            start = start if row else index
            callee = module.callee
            row.append((own.parts[attribute], value.args))
    if len(row) >= _LEAST:
        yield _Row(start, tuple(p for p, _ in row), tuple(a for _, a in row))


def _readers(own: ValueFlow, row: _Row) -> list[tuple[int, Display]] | None:
    """For each result the statement that takes those of all blocks in a list, and the list."""
    stop = row.start + len(row.parts)
    found = []
    for column in zip(*own.makes[row.start : stop], strict=True):
        readers = [own.readers.get(made, []) for made in column]
        if any(len(one) != 1 for one in readers) or len({one[0] for one in readers}) > 1:
            return None
        (reader,) = readers[0]
        if not stop <= reader < len(own.statements):
            return None
        text = [name for _, name in column]
        lists = [d for d in _displays(own.statements[reader].value) if d.reads() == tuple(text)]
        if len(lists) != 1:
            return None
        found.append((reader, lists[0]))
    return found


def _displays(value: Expr) -> list[Display]:
    """The lists of names in an expression."""
    return [
        part
        for part in every(value)
        if isinstance(part, Display) and all(isinstance(item, Name) for item in part.items)
    ]


def _given(statement: Statement, display: Display, name: Name) -> Statement:
    value = statement.value.changed(lambda part: name if part is display else part)
    return replace(statement, value=value)


def _words(row: _Row, classes: Mapping[str, Class], count: int) -> Sequence[str]:
    """What the results are called: as in the block, else parts."""
    call = row.parts[0].call
    assert isinstance(call, Call)
    result = classes[call.function.text()].result
    own = result.reads() if result is not None else ()
    return own if len(own) == count and isinstance(result, Display) else ["parts"] * count


def _called(
    row: _Row, attribute: str, words: Sequence[str], names: Names, origin: Origins
) -> list[Statement]:
    """The call of every head on its own source."""
    assert row.place is not None
    head, source, sources = names.free("head"), names.free("source"), names.free("sources")
    values = [arguments[row.place] for arguments in row.arguments]
    given = list(row.arguments[0])
    given[row.place] = Name(source)
    pairs = Call(Ref("zip"), (Attribute(Name("self"), attribute), Name(sources)), {})
    each = Comprehension(Call(Name(head), tuple(given), {}), (head, source), pairs)
    value = (
        Call(Ref("zip"), (Star(each),), {}) if len(words) > 1 else Call(Ref("list"), (each,), {})
    )
    return [
        Statement(sources, wrap(values), origin),
        Statement(", ".join(words), value, origin),
    ]
