"""What each operator of torch becomes: one file for each layer that it inverts."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, TypeVar

from torch import nn

from protonet.shape import Shape

Pattern: TypeAlias = Callable[..., Any]
_Own = TypeVar("_Own", bound=Pattern)
_PATTERNS: dict[str, Pattern] = {}


@dataclass(frozen=True)
class LiftExample:
    """A small module, the shapes that it takes, and the types of the layers that it becomes."""

    make: Callable[[], nn.Module]
    shapes: tuple[Shape, ...]
    layers: tuple[str, ...]


def lifts(*operators: str) -> Callable[[_Own], _Own]:
    """Make a function the pattern of torch's operators of these names, written without "aten".

    It is called with the ``Operator`` and the operator's arguments: tensors as what holds them
    (``Held``), numbers and lists as they are, defaults where nothing was given. It returns what
    holds the value, or a tuple where the operator gives several.
    """

    def enter(pattern: _Own) -> _Own:
        for operator in operators:
            assert operator not in _PATTERNS, f"{operator} has two patterns"
            _PATTERNS[operator] = pattern
        return pattern

    return enter


@cache
def patterns() -> dict[str, Pattern]:
    """Every pattern by its operator's name."""
    for found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{found.name}")
    return _PATTERNS
