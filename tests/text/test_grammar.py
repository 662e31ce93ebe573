"""The reader against the grammar in this folder as lark reads it: the same texts and places."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput
from test_parse import CORNERS, REFUSED

from protonet import NetError, Source
from protonet.text.parse import parse

ROOT = Path(__file__).parent.parent.parent
GRAMMAR = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
TEXTS = [*CORNERS, *REFUSED, "a: [1, {b: 2}, - 3] c [<d: 1>; e: 2", "a { b < c [] > } d: 'x' 'y'"]
PIECES = (
    *("a", "name:", ":", "{", "}", "<", ">", "[", "]", ",", ";", "'x'", '"y"', "-", "1.5", "-2"),
    *("#c", "é", "'", "l{a:1}", "m<b:2>", "\n", " "),
)
ROUNDS = 1_000


@pytest.fixture(scope="module")
def grammar():
    return Lark(GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=False)


def damaged(text, chance):
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(["", *PIECES]) + text[at + chance.randrange(3) :]


def joined(chance):
    return " ".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 12)))


def refused_at(grammar, text):
    """Where lark finds what can't go on, None where all is right; -1 at the end."""
    try:
        grammar.parse(text)
    except UnexpectedCharacters as error:
        return error.pos_in_stream
    except UnexpectedInput as error:
        return -1 if error.token.type == "$END" else error.token.start_pos
    return None


def refused_by_us(text):
    """The places that the reader's error may mean; None where there is none."""
    try:
        parse(Source("net", text))
    except NetError as error:
        if "closes the" in error.message:  # the grammar knows no pairs of brackets
            return [None, *range(-1, len(text))]
        at_the_end = "never closed" in error.message or "the text ends" in error.message
        span = error.span
        between = "missing between" in error.message
        return [-1] if at_the_end else range(span.start, span.end if between else span.start + 1)
    return None


def test_it_takes_what_the_grammar_takes(grammar):
    chance = random.Random(1)
    taken = 0
    for number in range(ROUNDS):
        text = joined(chance) if number % 3 == 0 else damaged(chance.choice(TEXTS), chance)
        ours, wrong = refused_by_us(text), refused_at(grammar, text)
        taken += ours is None
        assert (ours is None and wrong is None) or wrong in (ours or ()), text
    assert ROUNDS / 10 < taken < ROUNDS * 9 / 10
