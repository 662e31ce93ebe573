"""A helper's text without what never happens once some of its names are constants.

One step at a time: each finds a place in the syntax tree, changes the text there, and the text is
read again. What remains is the author's own lines, comments and all.
"""

from __future__ import annotations

import ast
import operator
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

Constants = Mapping[str, object]  # values of names, and of attributes as "self.name"
_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
UNKNOWN = object()
GIVEN = object()  # neither None nor empty nor 0, else unknown


@lru_cache(maxsize=256)
def tree_of(text: str) -> ast.Module:
    """The syntax tree of a text, which nobody changes."""
    return ast.parse(text)


def folded(text: str, constants: Constants) -> str:
    """The text of one definition with its branches on constants taken."""
    while True:
        step = next(_steps(text, constants), None)
        if step is None or step == text:
            return text
        text = step


def value_of(node: ast.expr | None, constants: Constants) -> object:
    """What an expression is, or UNKNOWN."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        return constants.get(ast.unparse(node), UNKNOWN)
    if isinstance(node, ast.UnaryOp):
        return _unary(node, constants)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(node, constants)
    return _decided(node, constants) if isinstance(node, ast.BoolOp) else UNKNOWN


def _unary(node: ast.UnaryOp, constants: Constants) -> object:
    inner = value_of(node.operand, constants)
    if isinstance(node.op, ast.Not) and inner is not UNKNOWN:
        return not inner
    return -inner if isinstance(node.op, ast.USub) and isinstance(inner, int | float) else UNKNOWN


def _compared(node: ast.Compare, constants: Constants) -> object:
    left, right = value_of(node.left, constants), value_of(node.comparators[0], constants)
    function = _OPERATORS.get(type(node.ops[0]))
    if UNKNOWN in (left, right) or function is None:
        return UNKNOWN
    if GIVEN in (left, right) and None not in (left, right):
        return UNKNOWN
    return bool(function(left, right))


def _decided(node: ast.BoolOp, constants: Constants) -> object:
    stops = isinstance(node.op, ast.Or)
    values = [value_of(part, constants) for part in node.values]
    if any(isinstance(v, bool) and v is stops for v in values):
        return stops
    return UNKNOWN if UNKNOWN in values else values[-1]


def _steps(text: str, constants: Constants) -> Iterator[str]:
    tree = tree_of(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            yield from _if(text, node, constants)
        elif isinstance(node, ast.IfExp):
            yield from _choice(text, node, constants)
        elif isinstance(node, ast.BoolOp):
            yield from _operands(text, node, constants)
        elif isinstance(node, ast.Subscript):
            yield from _whole_slice(text, node, constants)
    for function in _functions(tree):
        yield from _behind_return(text, function)
        yield from _local_constant(text, function, constants)
        yield from _unread(text, function)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _if(text: str, node: ast.If, constants: Constants) -> Iterator[str]:
    """An if whose answer is known."""
    known = value_of(node.test, constants)
    if known is UNKNOWN:
        return
    lines = text.split("\n")
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    follows = lines[first].lstrip().startswith("elif")
    kept = node.body if known else node.orelse
    if not kept:
        inside: list[str] = [] if follows or _has_siblings(text, node) else ["pass"]
        inside = [" " * node.col_offset + line for line in inside]
    elif not known and lines[kept[0].lineno - 1].lstrip().startswith("elif"):
        inside = lines[kept[0].lineno - 1 : last]
        inside[0] = inside[0] if follows else inside[0].replace("elif", "if", 1)
    else:
        body = lines[_above(lines, kept[0].lineno) - 1 : kept[-1].end_lineno]
        indent = " " * (node.col_offset + (4 if follows else 0))
        inside = textwrap.indent(textwrap.dedent("\n".join(body)), indent).split("\n")
        inside = [" " * node.col_offset + "else:", *inside] if follows else inside
    yield "\n".join([*lines[:first], *inside, *lines[last:]])


def _above(lines: list[str], number: int) -> int:
    """The line where the comments above a statement begin."""
    while lines[number - 2].lstrip().startswith("#"):
        number -= 1
    return number


def _has_siblings(text: str, node: ast.stmt) -> bool:
    """Whether a statement is not the only one of its block."""
    place = node.lineno, node.col_offset
    places = ([(s.lineno, s.col_offset) for s in block] for block in _blocks(tree_of(text)))
    return any(len(block) > 1 for block in places if place in block)


def _choice(text: str, node: ast.IfExp, constants: Constants) -> Iterator[str]:
    """``a if known else b``."""
    known = value_of(node.test, constants)
    if known is not UNKNOWN:
        yield replaced(text, node, _segment(text, node.body if known else node.orelse))


def _operands(text: str, node: ast.BoolOp, constants: Constants) -> Iterator[str]:
    """Operands of ``and`` and ``or`` that are known and let the others decide."""
    stops = isinstance(node.op, ast.Or)
    kept: list[ast.expr] = []
    for part in node.values:
        known = value_of(part, constants)
        if known is UNKNOWN or bool(known) is stops or part is node.values[-1]:
            kept.append(part)
        if known is not UNKNOWN and bool(known) is stops:
            break
    last = value_of(kept[-1], constants)
    if last is not UNKNOWN and isinstance(last, bool) and last is not stops and len(kept) > 1:
        kept.pop()
    if len(kept) < len(node.values):
        word = " or " if stops else " and "
        yield replaced(text, node, word.join(_segment(text, part) for part in kept))


def _whole_slice(text: str, node: ast.Subscript, constants: Constants) -> Iterator[str]:
    """``x[:none]``, which is x."""
    part = node.slice
    if not isinstance(part, ast.Slice) or part.upper is None or part.lower or part.step:
        return
    if value_of(part.upper, constants) is None:
        yield replaced(text, node, _segment(text, node.value))


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements in a tree."""
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _behind_return(text: str, function: ast.FunctionDef) -> Iterator[str]:
    """Statements that a return or raise stands before."""
    lines = text.split("\n")
    for block in _blocks(function):
        for one in block[:-1]:
            if isinstance(one, ast.Return | ast.Raise):
                yield "\n".join([*lines[: one.end_lineno], *lines[block[-1].end_lineno :]])


def _local_constant(text: str, function: ast.FunctionDef, constants: Constants) -> Iterator[str]:
    """A variable that is a constant by now: its value wherever it is read."""
    for one in ast.walk(function):
        if not (isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)):
            continue
        name, known = one.targets[0].id, value_of(one.value, constants)
        plain = known is None or isinstance(known, bool | str)
        if plain and _times_set(function, name) == 1:
            yield substituted(_without_lines(text, one), function.name, {name: known})


def _times_set(function: ast.FunctionDef, name: str) -> int:
    names = (n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name)
    return sum(isinstance(n.ctx, ast.Store) for n in names)


def _unread(text: str, function: ast.FunctionDef) -> Iterator[str]:
    """An assignment to a variable that nothing reads, where making the value changes nothing."""
    names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
    read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    for one in ast.walk(function):
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            made = _segment(text, one.value)
            acts = re.search(r"rand|\w_\(", made)
            if made == one.targets[0].id or (one.targets[0].id not in read and not acts):
                yield _without_lines(text, one)


def _without_lines(text: str, node: ast.stmt) -> str:
    lines = text.split("\n")
    return "\n".join([*lines[: node.lineno - 1], *lines[node.end_lineno or node.lineno :]])


def substituted(text: str, function: str, values: Constants) -> str:
    """The text with names, and attributes of self, that are read in a function as constants.

    Within an f-string a word would end it, so that its name stays there.
    """
    while True:
        tree = tree_of(text)
        inside = [n for f in _functions(tree) if function in ("", f.name) for n in ast.walk(f)]
        strings = (s for s in inside if isinstance(s, ast.JoinedStr))
        shown = {n for s in strings for n in ast.walk(s) if _is_word(n, values)}
        reads = (n for n in inside if isinstance(n, ast.Name | ast.Attribute) and n not in shown)
        found = next(
            (n for n in reads if isinstance(n.ctx, ast.Load) and ast.unparse(n) in values), None
        )
        if found is None:
            return text
        text = replaced(text, found, literal(values[ast.unparse(found)]))


def _is_word(node: ast.AST, values: Constants) -> bool:
    """Whether a name or attribute is a string among the constants."""
    named = isinstance(node, ast.Name | ast.Attribute)
    return named and isinstance(values.get(ast.unparse(node)), str)


def literal(value: object) -> str:
    """A constant in Python, strings in double quotes."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column


def _segment(text: str, node: ast.expr) -> str:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = _offset(text, node.lineno, node.col_offset)
    return text[start : _offset(text, node.end_lineno, node.end_col_offset)]


def replaced(text: str, node: ast.expr, new: str) -> str:
    """The text with another expression in the place of one; its parentheses, if any, stay."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = _offset(text, node.lineno, node.col_offset)
    end = _offset(text, node.end_lineno, node.end_col_offset)
    return f"{text[:start]}{new}{text[end:]}"
