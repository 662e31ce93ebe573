"""Which arguments say nothing, because the callee has them as its defaults."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from protonet.program.constructors import stated
from protonet.program.expr import Call, Expr, Literal, Name, Ref, wrap

_ROOTS = {"nn": "torch.nn", "F": "torch.nn.functional", "torch": "torch"}


def without_defaults(expr: Expr, helpers: Mapping[str, Callable[..., Any]]) -> Expr:
    """The expression without the keywords that repeat their callee's defaults."""

    def shorter(part: Expr) -> Expr:
        if not (isinstance(part, Call) and isinstance(part.function, Ref) and part.kwargs):
            return part
        defaults = defaults_of(part.function.path, helpers.get(part.function.path))
        kwargs = {k: v for k, v in part.kwargs.items() if not _repeats(k, v, defaults)}
        return Call(part.function, part.args, kwargs)

    return expr.changed(shorter)


def _repeats(key: str, value: Expr, defaults: dict[str, object]) -> bool:
    if not isinstance(value, Literal) or key not in defaults:
        return False
    default = defaults[key]
    same_kind = isinstance(default, bool) == isinstance(value.value, bool)
    return same_kind and (value.text() == Literal(default).text() or value.value == default)


@cache
def defaults_of(path: str, helper: Callable[..., object] | None = None) -> dict[str, object]:
    """The defaults of a function or class of torch's, or of a helper, by parameter."""
    parameters = _parameters(path, helper)
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


@cache
def _parameters(path: str, helper: Callable[..., object] | None) -> list[inspect.Parameter]:
    known = None if helper else stated(path)
    if known is not None:
        return known
    try:
        return list(inspect.signature(helper or _torch(path)).parameters.values())
    except (TypeError, ValueError, AttributeError):  # what a user's own import names
        return []


def signature(path: str, helper: Callable[..., object] | None) -> dict[str, Expr | None]:
    """The parameters of a constructor in their order, each with its default, None without.

    What a class takes by any name are its attributes, whose values are the defaults.
    """
    empty, several = inspect.Parameter.empty, inspect.Parameter.VAR_POSITIONAL
    own = _parameters(path, helper)
    found = {
        p.name: None if p.default is empty else wrap(p.default) for p in own if p.kind < several
    }
    if any(p.kind == inspect.Parameter.VAR_KEYWORD for p in own):
        facts = {k: v for k, v in vars(helper).items() if not (k.startswith("_") or callable(v))}
        found |= {name: wrap(value) for name, value in facts.items()}
    return found


def _torch(path: str) -> Any:
    root, *rest = path.split(".")
    target: Any = importlib.import_module(_ROOTS[root]) if root in _ROOTS else Name
    for name in rest:
        target = getattr(target, name)
    return target
