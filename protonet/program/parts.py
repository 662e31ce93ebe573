"""What an attribute of an expression holds: one part, none, or several in a tuple or a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protonet.program.expr import Expr


def parts_of(held: Any) -> Iterable[Any]:
    """The parts, in their order."""
    if isinstance(held, dict):
        return held.values()
    return (part for part in (held if isinstance(held, tuple) else (held,)) if part is not None)


def changed_parts(held: Any, change: Callable[[Any], Any]) -> Any:
    """The same with every part changed; what was held itself, where no part is another."""
    if isinstance(held, dict):
        pairs = {key: change(part) for key, part in held.items()}
        return held if all(pairs[key] is held[key] for key in pairs) else pairs
    if isinstance(held, tuple):
        items = tuple(part if part is None else change(part) for part in held)
        return held if all(a is b for a, b in zip(items, held, strict=True)) else items
    return held if held is None else change(held)


def every(expr: Expr) -> Iterator[Expr]:
    """An expression and all that it is made of."""
    yield expr
    for name in expr.inner:
        for part in parts_of(vars(expr)[name]):
            yield from every(part)
