"""What torch's callables take, told without importing torch."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("torch.signatures")
_Kind = inspect.Parameter


def stated(path: str) -> list[inspect.Parameter] | None:
    """The parameters of a callable of torch's; None where the table does not have it.

    A builtin that tells nothing of itself has none. A default that is no plain value is Ellipsis.
    """
    line = _lines().get(path)
    return None if line is None else list(_parameters(line))


@cache
def _lines() -> dict[str, str]:
    """What stands behind each path; made by tests/lowering/test_constructors.py."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("(") for line in lines if not line.startswith("#"))
    return {path: inside.removesuffix(")") for path, _, inside in pairs}


def _parameters(text: str) -> Iterator[inspect.Parameter]:
    (made,) = ast.parse(f"def f({text}): ...").body
    assert isinstance(made, ast.FunctionDef)
    args = made.args
    plain = [*args.posonlyargs, *args.args]
    lacking = [None] * (len(plain) - len(args.defaults))
    for n, (arg, default) in enumerate(zip(plain, [*lacking, *args.defaults], strict=True)):
        is_first = n < len(args.posonlyargs)
        kind = _Kind.POSITIONAL_ONLY if is_first else _Kind.POSITIONAL_OR_KEYWORD
        yield _Kind(arg.arg, kind, default=_value(default))
    if args.vararg:
        yield _Kind(args.vararg.arg, _Kind.VAR_POSITIONAL)
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _Kind(arg.arg, _Kind.KEYWORD_ONLY, default=_value(default))
    if args.kwarg:
        yield _Kind(args.kwarg.arg, _Kind.VAR_KEYWORD)


def _value(default: ast.expr | None) -> object:
    return _Kind.empty if default is None else ast.literal_eval(default)
