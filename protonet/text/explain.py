"""What is wrong with a text that is no prototxt, where, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable

from protonet.diagnostics import NetError, Source, Span
from protonet.text.placeholders import unfilled
from protonet.text.tokens import Tokens

DEEPEST = 100
# A string that is not closed goes on to the end of its line, so that nothing is looked at twice.
_BRACKETS = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[{}<>]")
_AFTER = re.compile(r"\s*(\S)", re.ASCII)
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_COMMENT = "comments begin with #"
# What keyboards, word processors and web pages make of the characters that a prototxt has.
_MEANT = {
    **dict.fromkeys(
        "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02\u300c\u300d", 'straight quotes: "'
    ),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\uff07\u0060\u00b4", "straight quotes: '"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2009\u200b\u202f\u3000", "a plain blank"),
    **dict.fromkeys("\u2013\u2014\u2212\uff0d", "a plain minus: -"),
    **{chr(0xFEE0 + ord(c)): f"a plain {c}" for c in ":;,.{}[]()<>#0123456789"},
    "\uff1a": "a plain colon: :",
    "\u3002": "a plain .",
    "\u3001": "a plain comma: ,",
}


def refuse_binary(source: Source) -> None:
    """NetError at the first byte of no text, outside of comments and strings."""
    found = _UNPRINTABLE.search(source.text)
    if found and not _is_quoted(source.text, found.start()):
        where = Span(source, found.start(), found.start() + 1)
        hint = "is it a .caffemodel, or another binary file?"
        raise NetError("this is no text: it holds bytes that no prototxt has", where, hint)


def _is_quoted(text: str, offset: int) -> bool:
    """Whether an offset is inside a comment or a string, where any byte may stand."""
    for found in _BRACKETS.finditer(text):
        if found.end() > offset:
            return found.start() <= offset and found.group()[0] in "#\"'"
    return False


def nesting(source: Source) -> NetError:
    """The first bracket that another kind closes, or that is deeper than protobuf allows."""
    opened: list[re.Match[str]] = []
    for found in _BRACKETS.finditer(source.text):
        bracket = found.group()
        if bracket in "{<":
            opened.append(found)
            if len(opened) > DEEPEST:
                where = Span(source, *found.span())
                return NetError(f"blocks are nested deeper than {DEEPEST}", where)
        elif bracket in "}>":
            start = opened.pop()
            if start.group() + bracket not in ("{}", "<>"):
                where = Span(source, *found.span())
                line = source.position(start.start())[0]
                what = f"{bracket!r} closes the {start.group()!r} of line {line}"
                return NetError(what, where, "use brackets of one kind")
    raise AssertionError("the brackets are in order")


def ended(source: Source) -> NetError:
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


def unexpected(source: Source, at: Tokens) -> NetError:
    """A token that should not stand where it does, and what should."""
    kind, start, end = at.kind, at.start, at.end
    word = at.text.splitlines()[0].rstrip()
    where = Span(source, start, start + len(word))
    word = word if len(word) <= 40 else f"{word[:40]}..."
    if kind == "CLOSE":
        return NetError(f"{word!r} closes nothing that is open", where, "take it out")
    begin, name = _word_before(source.text, start)
    if name and kind in ("BARE", "STRING"):
        hint = f"write {name}: {word}"
        what = f"a ':' is missing between {name!r} and its value"
        return NetError(what, Span(source, begin, end), hint)
    if kind in ("BARE", "STRING"):
        after = _AFTER.match(source.text, end)
        if kind == "BARE" and after and after.group(1) not in "{<}>":
            hint = f"write {word}: and its value"
            return NetError(f"a ':' is missing after {word!r}", where, hint)
        return NetError(f"a field should stand here, not {word!r}", where, "name: value")
    return NetError(f"{word!r} should not stand here", where)


def odd_character(source: Source, start: int) -> NetError:
    """A character that no token begins with, and what was meant by it."""
    text = source.text
    character = text[start]
    where = Span(source, start, start + 1)
    if character in "\"'":
        return _open_string(source, start)
    if character == "[":
        what = "extension and Any names in brackets are no part of Caffe's files"
        return NetError(what, where)
    if text.startswith(("//", "/*"), start):
        found = text[start : start + 2]
        return NetError(
            f"{found!r} should not stand here", Span(source, start, start + 2), _COMMENT
        )
    if placeholder := unfilled(source, start):
        return placeholder
    hint = f"write {_MEANT[character]}" if character in _MEANT else None
    name = f"{character!r}" if character.isprintable() else f"U+{ord(character):04X}"
    return NetError(f"the character {name} should not stand here", where, hint)


def _open_string(source: Source, start: int) -> NetError:
    """The string of one line that lacks its end, and what it belongs to."""
    line_end = source.text.find("\n", start)
    end = len(source.text) if line_end < 0 else line_end
    shown = source.text[start : min(end, start + 40)].rstrip()
    _, name = _word_before(source.text, start, colon=True)
    what = f"the string {shown}{'...' if end > start + 40 else ''}"
    of = f" of {name!r}" if name else ""
    hint = f"a {source.text[start]} is missing at its end"
    if source.text[start + 1 : end].rstrip().endswith("\\" + source.text[start]):
        hint = f"its last {source.text[start]} is escaped by the backslash before it"
    return NetError(f"{what}{of} is not closed on its line", Span(source, start, end), hint)
