"""Where a forward pass lets go of what it no longer needs, so that memory is used again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protonet.program.expr import Expr, Name

_LARGE, _MOST = 6, 1  # in units of the largest value


def frees(
    statements: Sequence[tuple[str, Expr]], result: Expr, sizes: Mapping[str, int]
) -> dict[int, list[str]]:
    """The variables to delete behind a statement, by its index.

    ``sizes`` are the variables' elements. Nets as small as AlexNet stay without a ``del``; else
    branches end where they join. In a ResNet fresh memory for each value costs a sixth of the
    forward pass on a CPU.
    """
    largest = max(sizes.values(), default=0)
    if sum(sizes.values()) < _LARGE * largest:
        return {}
    last: dict[str, int] = {}
    for index, (target, expr) in enumerate(statements):
        for name in (*target.split(", "), *_names(expr)):
            last[name] = index
    kept = set(_names(result))
    found: dict[int, list[str]] = {}
    dead: list[str] = []
    for index in range(len(statements) - 1):
        ending = [n for n, at in last.items() if at == index and n not in kept and n in sizes]
        dead += ending
        is_join = len(ending) > 1
        if is_join or sum(sizes[name] for name in dead) > _MOST * largest:
            found[index], dead = dead, []
    return found


def _names(expr: Expr) -> list[str]:
    return [part.name for part in expr.walk() if isinstance(part, Name)]
