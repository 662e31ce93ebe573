"""From text to tree, by the lark grammar beside this file."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from protonet.diagnostics import NetError, Source, Span
from protonet.text.tree import Block, Field, Scalar, Tree

_DEEPEST = 100
_ONE_AT_A_TIME = Lock()
# A string that is not closed goes on to the end of its line, so that nothing is looked at twice.
_BRACKETS = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[{}<>]")
_FIELD = re.compile(
    r"([A-Za-z_]\w*)\s*:\s*(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s;,#}>]+)"
)
_AFTER = re.compile(r"\s*(\S)")
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")


def parse(source: Source) -> Tree:
    """Parse a text in protobuf's text format. NetError at the first place that is no such text."""
    text = source.text
    found = _UNPRINTABLE.search(text)
    if found and not _is_quoted(text, found.start()):
        where = Span(source, found.start(), found.start() + 1)
        hint = "is it a .caffemodel, or another binary file?"
        raise NetError("this is no text: it holds bytes that no prototxt has", where, hint)
    parser, comments = _parser()
    with _ONE_AT_A_TIME, _no_collection():
        comments.clear()
        try:
            items: Any = parser.parse(text)
        except _Unmatched:
            raise _nesting(source) from None
        except UnexpectedInput as error:
            raise _explained(source, error) from None
        tree = Tree(source, items, list(comments))
    if _is_deeper(items, _DEEPEST):
        raise _nesting(source)
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


def _is_quoted(text: str, offset: int) -> bool:
    """Whether an offset is inside a comment or a string, where any byte may stand."""
    for found in _BRACKETS.finditer(text):
        if found.end() > offset:
            return found.start() <= offset and found.group()[0] in "#\"'"
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


def _nesting(source: Source) -> NetError:
    """The first bracket that another kind closes, or that is deeper than protobuf allows."""
    opened: list[re.Match[str]] = []
    for found in _BRACKETS.finditer(source.text):
        bracket = found.group()
        if bracket in "{<":
            opened.append(found)
            if len(opened) > _DEEPEST:
                where = Span(source, *found.span())
                return NetError(f"blocks are nested deeper than {_DEEPEST}", where)
        elif bracket in "}>":
            start = opened.pop()
            if start.group() + bracket not in ("{}", "<>"):
                where = Span(source, *found.span())
                line = source.position(start.start())[0]
                what = f"{bracket!r} closes the {start.group()!r} of line {line}"
                return NetError(what, where, "use brackets of one kind")
    raise AssertionError("the brackets are in order")


def _explained(source: Source, error: UnexpectedInput) -> NetError:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return _unexpected(source, error.token)
    if isinstance(error, UnexpectedCharacters):
        return _odd_character(source, error.pos_in_stream or 0)
    assert isinstance(error, UnexpectedEOF | UnexpectedToken)
    return _ended(source)


def _ended(source: Source) -> NetError:
    """The text ends too early: name the block that was left open."""
    opened: list[re.Match[str]] = []
    for found in _BRACKETS.finditer(source.text):
        if found.group() in "{<":
            opened.append(found)
        elif found.group() in "}>" and opened:
            opened.pop()
    if not opened:
        end = len(source.text.rstrip())
        return NetError("the text ends where a value should stand", Span(source, end - 1, end))
    brace = opened[-1]
    start, name = _word_before(source.text, brace.start(), colon=True)
    what = f"the {name or 'block'!r} block is never closed"
    return NetError(what, Span(source, start, brace.end()), "a '}' is missing")


def _word_before(text: str, end: int, *, colon: bool = False) -> tuple[int, str]:
    """The name that ends before an offset, blanks and one colon aside, and its place; "" if none.

    Walks back from the offset: an expression that is anchored at its end alone would be tried at
    every place of a long text.
    """
    last = _back(text, end, str.isspace)
    if colon and text[last - 1 : last] == ":":
        last = _back(text, last - 1, str.isspace)
    first = _back(text, last, _is_of_a_name)
    while first < last and text[first].isdigit():
        first += 1
    return (first, text[first:last]) if first < last else (end, "")


def _back(text: str, end: int, is_one: Callable[[str], bool]) -> int:
    while end and is_one(text[end - 1]):
        end -= 1
    return end


def _is_of_a_name(character: str) -> bool:
    return character.isalnum() or character == "_"


def _unexpected(source: Source, token: Token) -> NetError:
    assert token.start_pos is not None
    assert token.end_pos is not None
    word = token.splitlines()[0].rstrip()
    where = Span(source, token.start_pos, token.start_pos + len(word))
    word = word if len(word) <= 40 else f"{word[:40]}..."
    if token.type == "CLOSE":
        return NetError(f"{str(word)!r} closes nothing that is open", where, "take it out")
    begin, name = _word_before(source.text, token.start_pos)
    if name and token.type in ("BARE", "STRING"):
        start = Span(source, begin, token.end_pos)
        hint = f"write {name}: {word}"
        return NetError(f"a ':' is missing between {name!r} and its value", start, hint)
    if token.type in ("BARE", "STRING"):
        after = _AFTER.match(source.text, token.end_pos)
        if token.type == "BARE" and after and after.group(1) not in "{<}>":
            hint = f"write {word}: and its value"
            return NetError(f"a ':' is missing after {str(word)!r}", where, hint)
        return NetError(f"a field should stand here, not {str(word)!r}", where, "name: value")
    return NetError(f"{str(word)!r} should not stand here", where)


def _odd_character(source: Source, start: int) -> NetError:
    character = source.text[start]
    where = Span(source, start, start + 1)
    if character in "\"'":
        line_end = source.text.find("\n", start)
        end = len(source.text) if line_end < 0 else line_end
        return NetError("the string is not closed on its line", Span(source, start, end))
    if character == "[":
        what = "extension and Any names in brackets are no part of Caffe's files"
        return NetError(what, where)
    return NetError(f"the character {character!r} should not stand here", where)
