"""From text to tree, by the lark grammar beside this file."""

from __future__ import annotations

import re
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
_BRACKETS = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[{}<>]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")


def parse(source: Source) -> Tree:
    """Parse a text in protobuf's text format. NetError at the first place that is no such text."""
    text = source.text
    found = _UNPRINTABLE.search(text)
    if found and found.start() not in _comment_offsets(text):
        where = Span(source, found.start(), found.start() + 1)
        hint = "is it a .caffemodel, or another binary file?"
        raise NetError("this is no text: it holds bytes that no prototxt has", where, hint)
    parser, comments = _parser()
    with _ONE_AT_A_TIME:
        comments.clear()
        try:
            items: Any = parser.parse(text)
        except UnexpectedInput as error:
            raise _explained(source, error) from None
        tree = Tree(source, items, list(comments))
    _check_nesting(source)
    return tree


def _comment_offsets(text: str) -> range | set[int]:
    """Offsets inside comments, where any byte may stand."""
    offsets: set[int] = set()
    for found in _BRACKETS.finditer(text):
        if found.group()[0] in "#\"'":
            offsets.update(range(found.start(), found.end()))
    return offsets


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


class _TreeBuilder(Transformer[Token, Any]):
    """Lark's own hooks: a node is made as its rule is reduced."""

    def start(self, items: list[Any]) -> list[Any]:
        return items

    def field(self, children: list[Any]) -> Field:
        first = children[0]
        if first.type == "FIELD":
            name, _, value = first.partition(":")
            if len(children) == 1:
                start, end = first.start_pos, first.end_pos
                return Field(
                    name.rstrip(), (Scalar((value.lstrip(),), end, end),), False, start, end
                )
            children = [Token("NAME", name), Token("STRING", value.lstrip()), *children[1:]]
            children[1].start_pos = children[1].end_pos = first.end_pos
        start = first.start_pos
        name = children[0].rstrip().removesuffix(":").rstrip()
        values = [c for c in children[1:] if not isinstance(c, Token) or c.type != "SEPARATOR"]
        if isinstance(values[0], list):
            return Field(name, values[0][:-1], True, start, values[0][-1])
        scalar = self.scalar(values)
        return Field(name, (scalar,), False, start, scalar.end)

    def scalar(self, tokens: list[Any]) -> Scalar:
        is_bare = tokens[0].type == "BARE"
        parts = ("".join(tokens),) if is_bare else tuple(tokens)
        return Scalar(parts, tokens[0].start_pos, tokens[-1].end_pos)

    def values(self, values: list[Any]) -> list[Any]:
        return [*values, values[-1].end if values else 0]

    def message(self, children: list[Any]) -> Block:
        brace, *items, close = children
        return Block("", items, brace.start_pos, brace.end_pos, close.end_pos)

    def block(self, children: list[Any]) -> Block:
        opened = children[0]
        if isinstance(children[-1], Token) and children[-1].type == "SEPARATOR":
            children = children[:-1]
        name = opened[:-1].rstrip().removesuffix(":").rstrip()
        items = children[1:-1]
        return Block(name, items, opened.start_pos, opened.end_pos, children[-1].end_pos)


def _check_nesting(source: Source) -> None:
    """Every bracket is closed by its own kind, no deeper than protobuf itself allows."""
    opened: list[re.Match[str]] = []
    for found in _BRACKETS.finditer(source.text):
        bracket = found.group()
        if bracket in "{<":
            opened.append(found)
            if len(opened) > _DEEPEST:
                where = Span(source, *found.span())
                raise NetError(f"blocks are nested deeper than {_DEEPEST}", where)
        elif bracket in "}>":
            start = opened.pop()
            if start.group() + bracket not in ("{}", "<>"):
                where = Span(source, *found.span())
                line = source.position(start.start())[0]
                what = f"{bracket!r} closes the {start.group()!r} of line {line}"
                raise NetError(what, where, "use brackets of one kind")


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
    header = re.search(r"[A-Za-z_]\w*\s*:?\s*$", source.text[: brace.start()])
    start = header.start() if header else brace.start()
    name = header.group().rstrip(": \t\r\n") if header else "block"
    what = f"the {name!r} block is never closed"
    return NetError(what, Span(source, start, brace.end()), "a '}' is missing")


def _unexpected(source: Source, token: Token) -> NetError:
    assert token.start_pos is not None
    assert token.end_pos is not None
    where = Span(source, token.start_pos, token.end_pos)
    word = token if len(token) <= 40 else f"{token[:40]}..."
    if token.type == "CLOSE":
        return NetError(f"{str(word)!r} closes nothing that is open", where, "take it out")
    before = re.search(r"[A-Za-z_]\w*\s*\Z", source.text[: token.start_pos])
    if before and token.type in ("BARE", "STRING"):
        name = before.group().strip()
        start = Span(source, before.start(), token.end_pos)
        hint = f"write {name}: {word}"
        return NetError(f"a ':' is missing between {name!r} and its value", start, hint)
    if token.type in ("BARE", "STRING"):
        after = re.match(r"\s*(\S)", source.text[token.end_pos :])
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
