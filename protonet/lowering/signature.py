"""The arguments of a helper's text: what it takes, fewer of them, and calls that give fewer."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence

from protonet.lowering.folding import UNKNOWN, replaced, tree_of, value_of
from protonet.program.defaults import defaults_of
from protonet.program.layout import WIDTH


def positional(function: ast.FunctionDef) -> list[str]:
    """The names of the parameters that a call may give by place, in their order."""
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args)]


def parameters(function: ast.FunctionDef) -> dict[str, object]:
    """The names of a function's parameters with their defaults, UNKNOWN where there are none."""
    defaults = _defaults(function)
    names = [*positional(function), *(a.arg for a in function.args.kwonlyargs)]
    return {n: value_of(defaults[n], {}) if n in defaults else UNKNOWN for n in names}


def _defaults(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """The defaults of those parameters that have one."""
    own = function.args
    found = dict(zip(positional(function)[::-1], own.defaults[::-1], strict=False))
    words = zip(own.kwonlyargs, own.kw_defaults, strict=True)
    return {**found, **{a.arg: default for a, default in words if default is not None}}


def without_parameters(text: str, name: str, gone: Collection[str], given: Collection[str]) -> str:
    """The text with fewer parameters of a function, and none of ``given`` optional."""
    function = definition(text, name)
    own = function.args
    kept = _Kept(text, _defaults(function), gone, given)
    parts = kept.of(own.posonlyargs, by_place=True)
    parts += ["/"] * bool(parts) + kept.of(own.args, by_place=True)
    words = kept.of(own.kwonlyargs, by_place=False)
    if own.vararg:
        parts.append(f"*{ast.get_source_segment(text, own.vararg)}")
    elif words:
        parts.append("*")
    parts += words
    if own.kwarg:
        parts.append(f"**{ast.get_source_segment(text, own.kwarg)}")
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


class _Kept:
    """What is left of a function's parameters, as text."""

    def __init__(
        self,
        text: str,
        defaults: Mapping[str, ast.expr],
        gone: Collection[str],
        given: Collection[str],
    ) -> None:
        self.text, self.defaults, self.gone, self.given = text, defaults, gone, given
        self.has_default = False  # of those by place so far: what follows must have one, too

    def of(self, arguments: Sequence[ast.arg], by_place: bool) -> list[str]:
        """Those of some arguments that stay."""
        return [self.part(a, by_place) for a in arguments if a.arg not in self.gone]

    def part(self, argument: ast.arg, by_place: bool) -> str:
        """One, without its default where every call gives it and nothing stands in the way."""
        part = ast.get_source_segment(self.text, argument) or argument.arg
        default = self.defaults.get(argument.arg)
        if default is None:
            return part.removesuffix(" | None") if argument.arg in self.given else part
        may_be_none = value_of(default, {}) is None
        if argument.arg in self.given and may_be_none and not (by_place and self.has_default):
            return part.removesuffix(" | None")
        self.has_default = self.has_default or by_place
        spaces = " = " if argument.annotation else "="
        return f"{part}{spaces}{ast.get_source_segment(self.text, default)}"


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
        names = [*order, *[""] * len(call.args)]
        places = [a for n, a in zip(names, call.args, strict=False) if n not in gone]
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
