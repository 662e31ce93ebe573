"""From text to tree, by the lark grammar beside this file."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from protonet.diagnostics import Source
from protonet.text.explain import DEEPEST, explained, nesting, refuse_binary
from protonet.text.tree import Block, Field, Scalar, Tree

_ONE_AT_A_TIME = Lock()
_FIELD = re.compile(
    r"([A-Za-z_]\w*)\s*:\s*(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s;,#}>]+)",
    re.ASCII,
)


def parse(source: Source) -> Tree:
    """Parse a text in protobuf's text format. NetError at the first place that is no such text."""
    text = source.text
    refuse_binary(source)
    parser, comments = _parser()
    with _ONE_AT_A_TIME, _no_collection():
        comments.clear()
        try:
            items: Any = parser.parse(text)
        except _Unmatched:
            raise nesting(source) from None
        except UnexpectedInput as error:
            raise explained(source, error) from None
        tree = Tree(source, items, list(comments))
    if _is_deeper(items, DEEPEST):
        raise nesting(source)
    return tree


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cyclic garbage collector: a tree has no cycles, and many nodes to look at."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _is_deeper(items: list[Any], levels: int) -> bool:
    """Whether blocks are nested deeper than so many levels."""
    for item in items:
        if type(item) is Block:
            inner = [item]
        elif item.is_list:
            inner = [value for value in item.values if type(value) is Block]
        else:
            continue
        if inner and (levels == 0 or any(_is_deeper(b.items, levels - 1) for b in inner)):
            return True
    return False


@cache
def _grammar() -> str:
    return Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")


@cache
def _parser() -> tuple[Lark, list[tuple[int, int]]]:
    """The parser, and the list to which it adds the places of comments."""
    sink: list[tuple[int, int]] = []

    def remember(token: Token) -> Token:
        assert token.start_pos is not None
        assert token.end_pos is not None
        sink.append((token.start_pos, token.end_pos))
        return token

    parser = Lark(
        _grammar(),
        parser="lalr",
        lexer="basic",
        maybe_placeholders=False,
        propagate_positions=False,
        transformer=_TreeBuilder(),
        lexer_callbacks={"COMMENT": remember},
    )
    return parser, sink


class _Unmatched(ValueError):
    """A bracket is closed by one of the other kind."""


class _TreeBuilder(Transformer[Token, Any]):
    """Lark's own hooks: a node is made as its rule is reduced; a list stands for several items."""

    def start(self, children: list[Any]) -> list[Any]:
        return _flat(children)

    def fields(self, children: list[Any]) -> list[Field]:
        run = children[0]
        found = _fields(run, run.start_pos)
        if strings := children[1:]:
            last = found[-1].values[0]
            assert isinstance(last, Scalar)
            end = strings[-1].end_pos
            scalar = Scalar((*last.parts, *strings), last.start, end)
            found[-1] = Field(found[-1].name, (scalar,), False, found[-1].start, end)
        return found

    def field(self, children: list[Any]) -> Field:
        start = children[0].start_pos
        name = children[0].rstrip().removesuffix(":").rstrip()
        values = children[1:]
        if isinstance(values[0], list):
            return Field(name, values[0][:-1], True, start, values[0][-1])
        scalar = self.scalar(values)
        return Field(name, (scalar,), False, start, scalar.end)

    def scalar(self, tokens: list[Any]) -> Scalar:
        is_string = tokens[0].type == "STRING"
        parts = tuple(tokens) if is_string else ("".join(tokens),)
        return Scalar(parts, tokens[0].start_pos, tokens[-1].end_pos)

    def values(self, values: list[Any]) -> list[Any]:
        return [*values, values[-1].end if values else 0]

    def message(self, children: list[Any]) -> Block:
        brace, *items, close = children
        _check_pair(brace, close[0])
        return Block("", _flat(items), brace.start_pos, brace.end_pos, close.start_pos + 1)

    def leaf(self, children: list[Any]) -> Block:
        text = children[0]
        start, brace = text.start_pos, text.index("{") + 1
        items: list[Any] = _fields(text, start, brace)
        end = start + len(text.rstrip())
        return Block(_name(text[: brace - 1]), items, start, start + brace, end)

    def block(self, children: list[Any]) -> Block:
        opened = children[0]
        close, head = children[-1], opened.rstrip()
        _check_pair(head[-1], close[0])
        items = _flat(children[1:-1])
        start, end = opened.start_pos, close.start_pos + 1
        return Block(_name(head[:-1]), items, start, start + len(head), end)


def _check_pair(opening: str, closing: str) -> None:
    if opening + closing not in ("{}", "<>"):
        raise _Unmatched


def _name(head: str) -> str:
    return head.rstrip().removesuffix(":").rstrip()


def _flat(children: list[Any]) -> list[Any]:
    items: list[Any] = []
    for child in children:
        if type(child) is list:
            items += child
        else:
            items.append(child)
    return items


def _fields(run: str, offset: int, start: int = 0) -> list[Field]:
    """The fields of a run of `name: scalar`, which the lexer has found to be one."""
    fields = []
    for found in _FIELD.finditer(run, start):
        name, value = found.groups()
        begin, end = found.span(2)
        scalar = Scalar((value,), offset + begin, offset + end)
        fields.append(Field(name, (scalar,), False, offset + found.start(), offset + end))
    return fields
