"""How a program and its helpers call the helpers, as far as the arguments are constants."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from protonet.lowering.folding import GIVEN, UNKNOWN, Constants, tree_of, value_of
from protonet.program.expr import Call, Expr, Literal, Ref, Sequence
from protonet.program.parts import every
from protonet.program.program import Each, Fill, Program, Statement, Submodule

Given = tuple[list[object], dict[str, object]]  # the values by place, and those by word


class Escapes(Exception):
    """A helper is handed on, or called with arguments that only the run knows the number of."""


@cache
def source_of(code: object) -> str:
    """The text of a class or function, as its file has it."""
    return textwrap.dedent(inspect.getsource(code)).rstrip()  # type: ignore[arg-type]


def in_program(program: Program) -> dict[str, list[Given]]:
    """The calls of helpers that stand in a program's own lines, by the helper."""
    names = {helper.code.__name__ for helper in program.helpers}
    found: dict[str, list[Given]] = {name: [] for name in names}

    for expr in (part for whole in expressions(program) for part in every(whole)):
        function = expr.function if isinstance(expr, Call) else None
        if isinstance(expr, Call) and isinstance(function, Ref) and function.path in names:
            words = {key: _value(value) for key, value in expr.kwargs.items()}
            found[function.path].append(([_value(a) for a in expr.args], words))
    return found


def expressions(program: Program) -> Iterator[Expr]:
    """Every expression of a flat program."""
    main = program.main
    yield from (part.call for part in main.submodules)
    yield from (fill.value for fill in main.fills if isinstance(fill, Fill))
    yield from (s.value for s in main.statements if isinstance(s, Statement))


def _value(expr: Expr) -> object:
    if isinstance(expr, Literal):
        return expr.value
    return GIVEN if isinstance(expr, Sequence) and expr.items else UNKNOWN


def in_text(text: str, name: str, constants: Constants) -> list[Given]:
    """The calls of a helper in the text of another. Escapes where it is used otherwise."""
    if name not in text:
        return []
    nodes = list(ast.walk(tree_of(text)))
    calls = [n for n in nodes if isinstance(n, ast.Call) and _is_name(n.func, name)]
    if sum(_is_name(n, name) for n in nodes) > len(calls):
        raise Escapes
    found: list[Given] = []
    for call in calls:
        several = any(isinstance(a, ast.Starred) for a in call.args)
        if several or any(k.arg is None for k in call.keywords):
            raise Escapes
        words = {k.arg or "": _constant(k.value, constants) for k in call.keywords}
        found.append(([_constant(a, constants) for a in call.args], words))
    return found


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _constant(node: ast.expr, constants: Constants) -> object:
    if isinstance(node, ast.Tuple | ast.List) and node.elts:
        return GIVEN
    return value_of(node, constants)


def without(
    program: Program, orders: Mapping[str, list[str]], gone: Mapping[str, set[str]]
) -> Program:
    """The program with calls that do not give what the helpers no longer take."""

    def shorter(part: Expr) -> Expr:
        if not (isinstance(part, Call) and isinstance(part.function, Ref)):
            return part
        name = part.function.path
        less = gone.get(name)
        if not less:
            return part
        places = orders[name] + [""] * len(part.args)
        args = tuple(a for n, a in zip(places, part.args, strict=False) if n not in less)
        return Call(part.function, args, {k: v for k, v in part.kwargs.items() if k not in less})

    if not any(gone.values()):
        return program
    main = program.main
    submodules: list[Submodule] = []
    for part in main.submodules:
        call = part.call.changed(shorter)
        assert isinstance(call, Call)
        submodules.append(replace(part, call=call))
    fills = tuple(
        one if isinstance(one, Each) else replace(one, value=one.value.changed(shorter))
        for one in main.fills
    )
    statements = tuple(
        replace(one, value=one.value.changed(shorter)) if isinstance(one, Statement) else one
        for one in main.statements
    )
    cls = replace(main, submodules=tuple(submodules), fills=fills, statements=statements)
    return replace(program, classes=(*program.classes[:-1], cls))
