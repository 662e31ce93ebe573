"""Helpers as this net calls them: without what no call of it asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from protonet.graph import Graph
from protonet.lowering.calls import Escapes, Given, in_program, in_text, source_of, without
from protonet.lowering.folding import GIVEN, UNKNOWN, Constants, folded, substituted
from protonet.lowering.signature import (
    definition,
    parameters,
    positional,
    without_arguments,
    without_default,
    without_parameters,
)
from protonet.program.program import Program


def specialise(program: Program, graph: Graph) -> Program:
    """Fold the parameters that are the same in all calls into the helpers' texts.

    A flag or a word goes where it is the same in all; a number where it decides alone; others
    stay. What no line needs any more is left out.
    """
    if not program.helpers:
        return program
    before = {h.code.__name__: source_of(h.code) for h in program.helpers}
    texts, gone = settled(before, in_program(program))
    orders = {name: positional(definition(before[name], name)) for name in gone}
    program = without(program, orders, gone)
    kept = [h for h in program.helpers if texts[h.code.__name__]]
    helpers = tuple(replace(h, text=texts[h.code.__name__]) for h in kept)
    return replace(program, helpers=helpers)


def settled(
    texts: dict[str, str], calls: Mapping[str, list[Given]]
) -> tuple[dict[str, str], dict[str, set[str]]]:
    """The helpers' texts with all folded that can be, and the parameters that each has lost."""
    texts = dict(texts)
    functions = [name for name, text in texts.items() if text.startswith("def ")]
    orders = {name: positional(definition(texts[name], name)) for name in functions}
    gone: dict[str, set[str]] = {name: set() for name in functions}
    values: dict[str, Constants] = {}
    while True:
        before = dict(texts), dict(values)
        for name in functions:
            places = positional(definition(texts[name], name))
            now = parameters(definition(texts[name], name))
            try:
                pairs = ((t, values.get(n, {})) for n, t in texts.items() if n != name)
                inner = [call for text, own in pairs for call in in_text(text, name, own)]
            except Escapes:
                continue
            bound = [_bound(orders[name], call) for call in calls[name]]
            bound += [_bound(places, call) for call in inner]
            if not bound:
                continue
            known = {p: _same([b.get(p, default) for b in bound]) for p, default in now.items()}
            said = {p for b in bound for p in b}
            typed = tuple((p, type(v), v, p in said) for p, v in known.items())
            texts[name], less, values[name] = _narrowed(texts[name], name, typed)
            gone[name] |= less
            texts = {n: without_arguments(t, name, places, less) for n, t in texts.items()}
        if (texts, values) == before:
            return texts, gone


def _bound(order: list[str], call: Given) -> dict[str, object]:
    """What a call gives each parameter."""
    places, words = call
    return dict(zip(order, places, strict=False)) | words


def _same(values: Iterable[object]) -> object:
    """What all values are: one constant, GIVEN, or UNKNOWN."""
    first, *rest = values
    if all(type(v) is type(first) and v == first for v in rest):
        return first
    return GIVEN if all(v is not UNKNOWN and v for v in (first, *rest)) else UNKNOWN


@lru_cache(maxsize=256)
def _narrowed(
    text: str, name: str, typed: tuple[tuple[str, type, object, bool], ...]
) -> tuple[str, frozenset[str], Constants]:
    """A function for these values of its parameters alone, and the parameters that it lost.

    With each value stands whether any call says it, or all leave it to the default.
    Last are the values of those that stay and are never set anew.
    """
    known = {parameter: value for parameter, _, value, _ in typed}
    unsaid = {parameter for parameter, _, _, is_said in typed if not is_said}
    fixed = {n: v for n, v in known.items() if n not in _names(text, name, ast.Store)}
    words = {n: v for n, v in fixed.items() if v is None or isinstance(v, bool | str)}
    numbers = {n: v for n, v in fixed.items() if isinstance(v, int | float) and n not in words}
    given = {n: GIVEN for n, v in fixed.items() if v is GIVEN or (n in numbers and v)}
    new = folded(text, {**words, **given})
    for number, value in numbers.items():
        decided = folded(new, {**words, **given, number: value})
        decided = without_default(decided, name, number, value)
        if number not in _names(decided, name, ast.Load):
            new = decided
    left: Constants = {n: v for n, v in numbers.items() if n in unsaid}
    new = folded(substituted(new, name, {**words, **left}), given)
    less = known.keys() - _names(new, name, ast.Load)
    if less or given:
        new = without_parameters(new, name, less, given)
    return new, frozenset(less), {n: v for n, v in fixed.items() if n not in less}


def _names(text: str, name: str, context: type[ast.expr_context]) -> set[str]:
    """The names that a function reads, or sets."""
    nodes = ast.walk(definition(text, name))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
