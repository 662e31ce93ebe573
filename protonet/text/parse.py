"""From text to tree, without recursion: however deep blocks are, they are refused with a place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from protonet.diagnostics import Source
from protonet.garbage import uncollected
from protonet.text.explain import DEEPEST, ended, nesting, odd_character, refuse_binary, unexpected
from protonet.text.tokens import OVER, OddCharacter, Tokens
from protonet.text.tree import Block, Field, Scalar, Tree

_FIELD = re.compile(
    r"([A-Za-z_]\w*)\s*:\s*(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s;,#}>]+)",
    re.ASCII,
)
_PAIRS = ("{}", "<>")


def parse(source: Source) -> Tree:
    """Parse a text in protobuf's text format. NetError at the first place that is no such text."""
    refuse_binary(source)
    with uncollected():
        try:
            reader = _Reader(Tokens(source))
            reader.read()
        except _Unmatched:
            raise nesting(source) from None
        except OddCharacter as error:
            raise odd_character(source, error.start) from None
        except _Unexpected as error:
            at = error.at
            what = ended(source) if at.kind == OVER else unexpected(source, at)
            raise what from None
    if reader.deepest > DEEPEST:
        raise nesting(source)
    return Tree(source, reader.items, reader.at.comments)


class _Unmatched(ValueError):
    """A bracket is closed by one of the other kind."""


class _Unexpected(ValueError):
    """No text goes on with the token at hand."""

    def __init__(self, at: Tokens) -> None:
        super().__init__(at.kind)
        self.at = at


@dataclass
class _List:
    """The list of a field that is not closed yet, and the items that the field is for."""

    name: str
    start: int
    items: list[Field | Block]
    values: list[Scalar | Block] = field(default_factory=list)


class _Reader:
    """What has been read so far: the ``items`` of the block at hand, and what it stands in.

    ``_opened`` are the blocks that are not closed, outermost first: their names, places, and the
    items around them. A list's block has the list in their place, which goes on behind it.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.at = tokens
        self.items: list[Field | Block] = []
        self.deepest = 0
        self._opened: list[tuple[str, int, int, str, list[Field | Block] | _List]] = []

    def read(self) -> None:
        """Read to the end. _Unexpected, _Unmatched or OddCharacter at the first mistake."""
        at, ways = self.at, self._ways()
        while at.kind != OVER or self._opened:
            way = ways.get(at.kind)
            if way is None:
                raise _Unexpected(at)
            way()

    def _ways(self) -> dict[str, Callable[[], None]]:
        return {
            "FIELDS": self._fields,
            "LEAF": self._leaf,
            "OPEN": self._open,
            "NAME": self._field,
            "BARE": self._field,
            "CLOSE": self._close,
        }

    def _separator(self) -> None:
        if self.at.kind == "SEPARATOR":
            self.at.advance()

    def _fields(self) -> None:
        """A run of fields; strings behind it go on with the last of them."""
        at = self.at
        found = _run(at.text, at.start)
        at.advance()
        if at.kind == "STRING":
            last = found[-1].values[0]
            assert isinstance(last, Scalar)
            more = self._strings()
            scalar = Scalar((*last.parts, *more.parts), last.start, more.end)
            found[-1] = Field(found[-1].name, (scalar,), False, found[-1].start, more.end)
        self.items += found
        self._separator()

    def _leaf(self) -> None:
        """A block of nothing but fields."""
        text, start = self.at.text, self.at.start
        brace = text.index("{") + 1
        items: list[Field | Block] = [*_run(text, start, brace)]
        end = start + len(text.rstrip())
        self.items.append(Block(_name(text[: brace - 1]), items, start, start + brace, end))
        self.deepest = max(self.deepest, len(self._opened) + 1)
        self.at.advance()
        self._separator()

    def _open(self) -> None:
        head, start = self.at.text.rstrip(), self.at.start
        self._go_into(_name(head[:-1]), start, start + len(head), head[-1], self.items)

    def _go_into(
        self, name: str, start: int, header: int, brace: str, around: list[Field | Block] | _List
    ) -> None:
        self._opened.append((name, start, header, brace, around))
        self.deepest = max(self.deepest, len(self._opened))
        self.items = []
        self.at.advance()

    def _close(self) -> None:
        """The end of a block, behind which what it stands in goes on."""
        at = self.at
        if not self._opened:
            raise _Unexpected(at)
        name, start, header, brace, around = self._opened.pop()
        if brace + at.text[0] not in _PAIRS:
            raise _Unmatched
        block = Block(name, self.items, start, header, at.start + 1)
        at.advance()
        if isinstance(around, _List):
            around.values.append(block)
            self.items = around.items
            self._list(around, wanted=False)
            return
        around.append(block)
        self.items = around
        self._separator()

    def _field(self) -> None:
        """A field whose value the run before it could not take; a bare word has a list alone."""
        at = self.at
        name, start, is_bare = _name(at.text), at.start, at.kind == "BARE"
        at.advance()
        if at.kind == "BEGIN":
            at.advance()
            self._list(_List(name, start, self.items), wanted=at.kind != "END")
            return
        if is_bare:
            raise _Unexpected(at)
        scalar = self._scalar()
        self.items.append(Field(name, (scalar,), False, start, scalar.end))
        self._separator()

    def _list(self, opened: _List, *, wanted: bool) -> None:
        """The elements of a list, its first or next one ``wanted``, as far as no block begins."""
        at, values = self.at, opened.values
        while wanted or at.kind != "END":
            if not wanted:
                if at.text != ",":
                    raise _Unexpected(at)
                at.advance()
            if at.kind == "BRACE":
                self._go_into("", at.start, at.end, at.text, opened)
                return
            values.append(self._scalar())
            wanted = False
        end = values[-1].end if values else 0
        at.advance()
        opened.items.append(Field(opened.name, values, True, opened.start, end))
        self._separator()

    def _scalar(self) -> Scalar:
        at = self.at
        if at.kind == "STRING":
            return self._strings()
        start, sign = at.start, at.text if at.kind == "MINUS" else ""
        if sign:
            at.advance()
        if at.kind != "BARE":
            raise _Unexpected(at)
        scalar = Scalar((sign + at.text,), start, at.end)
        at.advance()
        return scalar

    def _strings(self) -> Scalar:
        """Strings side by side."""
        at, start, parts, end = self.at, self.at.start, [], 0
        while at.kind == "STRING":
            parts.append(at.text)
            end = at.end
            at.advance()
        return Scalar(tuple(parts), start, end)


def _name(head: str) -> str:
    return head.rstrip().removesuffix(":").rstrip()


def _run(run: str, offset: int, start: int = 0) -> list[Field]:
    """The fields of a run of `name: scalar`, which the tokens have found to be one."""
    fields = []
    for found in _FIELD.finditer(run, start):
        name, value = found.groups()
        begin, end = found.span(2)
        scalar = Scalar((value,), offset + begin, offset + end)
        fields.append(Field(name, (scalar,), False, offset + found.start(), offset + end))
    return fields
