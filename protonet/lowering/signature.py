"""The arguments of a helper's text: what it takes, fewer of them, and calls that give fewer."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from protonet.lowering.folding import UNKNOWN, replaced, tree_of, value_of
from protonet.program.defaults import defaults_of
from protonet.program.layout import WIDTH


def parameters(function: ast.FunctionDef) -> dict[str, object]:
    """The names of a function's parameters with their defaults, UNKNOWN where there are none."""
    own = function.args
    names = [a.arg for a in own.args]
    values = [value_of(d, {}) for d in own.defaults]
    found = dict(zip(names, [UNKNOWN] * (len(names) - len(values)) + values, strict=True))
    pairs = zip(own.kwonlyargs, own.kw_defaults, strict=True)
    return {**found, **{a.arg: value_of(d, {}) for a, d in pairs}}


def without_parameters(text: str, name: str, gone: Collection[str], given: Collection[str]) -> str:
    """The text with fewer parameters of a function, and none of ``given`` optional."""
    function = definition(text, name)
    own = function.args
    defaults = dict(zip([a.arg for a in own.args[::-1]], own.defaults[::-1], strict=False))
    parts: list[str] = []
    has_default = False
    for argument in own.args:
        if argument.arg in gone:
            continue
        part = ast.get_source_segment(text, argument) or argument.arg
        default = defaults.get(argument.arg)
        may_be_none = value_of(default, {}) is None and default is not None
        if argument.arg in given and (default is None or (may_be_none and not has_default)):
            part, default = part.removesuffix(" | None"), None
        if default is not None:
            has_default = True
            spaces = " = " if argument.annotation else "="
            part += spaces + (ast.get_source_segment(text, default) or "")
        parts.append(part)
    lines = text.split("\n")
    head = lines[function.lineno - 1 : function.body[0].lineno - 1]
    after = re.search(r"\)(\s*->.*)?:\s*$", "\n".join(head))
    assert after is not None
    body = lines[function.body[0].lineno - 1 :]
    start = f"{' ' * function.col_offset}def {name}("
    end = f"){(after.group(1) or '').rstrip()}:"
    flat = start + ", ".join(parts) + end
    inside = [f"{' ' * (function.col_offset + 4)}{part}," for part in parts]
    new = [flat] if len(flat) <= WIDTH else [start, *inside, " " * function.col_offset + end]
    made = "\n".join([*lines[: function.lineno - 1], *new, *body])
    return _documented(made, name, gone)


def definition(text: str, name: str) -> ast.FunctionDef:
    """The function or method of that name in a text."""
    nodes = ast.walk(tree_of(text))
    return next(n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == name)


def _documented(text: str, name: str, gone: Collection[str]) -> str:
    """The text without the sentences of a docstring that speak of what is gone."""
    first = definition(text, name).body[0]
    doc = (
        first.value.value
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        else None
    )
    if not isinstance(doc, str) or not any(f"``{word}``" in doc for word in gone):
        return text
    paragraphs = []
    for paragraph in doc.split("\n\n"):
        sentences = re.split(r"(?<=\.)\s+(?=[A-Z])", paragraph)
        kept = [s for s in sentences if not any(f"``{word}``" in s for word in gone)]
        paragraphs += ["\n".join(kept)] if kept and any(s.strip() for s in kept) else []
    whole = "\n\n".join(paragraphs)
    indent = " " * first.col_offset
    ends = f"\n{indent}" if "\n" in whole.rstrip() else ""
    assert isinstance(first, ast.Expr)
    return replaced(text, first.value, f'"""{whole.rstrip()}{ends}"""')


def without_arguments(text: str, name: str, order: list[str], gone: Collection[str]) -> str:
    """The text with calls of a function that do not give what it no longer takes."""
    if not gone or name not in text:
        return text
    for index in range(len(_calls(text, name))):
        call = _calls(text, name)[index]
        places = [a for n, a in zip(order, call.args, strict=False) if n not in gone]
        words = [k for k in call.keywords if k.arg not in gone]
        parts = [ast.get_source_segment(text, a) or "" for a in places]
        parts += [f"{k.arg}={ast.get_source_segment(text, k.value)}" for k in words]
        if len(parts) < len(call.args) + len(call.keywords):
            text = replaced(text, call, f"{name}({', '.join(parts)})")
    return text


def _calls(text: str, name: str) -> list[ast.Call]:
    calls = (node for node in ast.walk(tree_of(text)) if isinstance(node, ast.Call))
    return [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == name]


def without_default(text: str, name: str, parameter: str, value: object) -> str:
    """The text without ``parameter=parameter`` in calls of torch's whose default it is."""
    calls = [n for n in ast.walk(definition(text, name)) if isinstance(n, ast.Call)]
    for call in calls:
        path = ast.unparse(call.func)
        words = [k for k in call.keywords if _is_read(k.value, parameter)]
        if not words or not path.startswith(("F.", "torch.")):
            continue
        if all(defaults_of(path).get(k.arg or "") == value for k in words):
            kept = [k for k in call.keywords if k not in words]
            parts = [ast.get_source_segment(text, a) or "" for a in call.args]
            parts += [ast.get_source_segment(text, k) or "" for k in kept]
            new = replaced(text, call, f"{path}({', '.join(parts)})")
            return without_default(new, name, parameter, value)
    return text


def _is_read(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
