"""What each operator of torch becomes: one file for each layer that it inverts."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, TypeVar

import torch
from torch import nn

from protonet.shape import Shape

Pattern: TypeAlias = Callable[..., Any]
_Own = TypeVar("_Own", bound=Pattern)
_PATTERNS: dict[str, Pattern] = {}
_FUSIONS: dict[str, list[Pattern]] = {}


@dataclass(frozen=True)
class LiftExample:
    """A small module, the shapes that it takes, and the types of the layers that it becomes.

    Where ``below`` is stated it takes whole numbers, from 0 to below that.
    """

    make: Callable[[], nn.Module]
    shapes: tuple[Shape, ...]
    layers: tuple[str, ...]
    below: int | None = None


class Called(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        """What the function gives."""
        return self.function(*given)


class Part(nn.Module):
    """One of the values that a module gives."""

    def __init__(self, inner: nn.Module, number: int) -> None:
        super().__init__()
        self.inner, self.number = inner, number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """That value."""
        found: torch.Tensor = self.inner(x)[self.number]
        return found


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


def fuses(*operators: str) -> Callable[[Pattern], Pattern]:
    """Make a function the pattern of several operators together, the last of these names.

    It is called with the ``Operator`` of the last and looks back over ``operator.node.args``,
    ``operator.held`` telling what holds a node's value. It returns what holds the value, or None
    where the operators are others. Those before it may have no pattern of their own; what they
    have become is dropped where nothing else reads it.
    """

    def enter(pattern: Pattern) -> Pattern:
        for operator in operators:
            _FUSIONS.setdefault(operator, []).append(pattern)
        return pattern

    return enter


def pattern_of(operator: str) -> Pattern | None:
    """The pattern of an operator of this name, or None."""
    _load()
    return _PATTERNS.get(operator)


def fusions_of(operator: str) -> Sequence[Pattern]:
    """The patterns of several operators whose last has this name."""
    _load()
    return _FUSIONS.get(operator, ())


@cache
def _load() -> None:
    for found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{found.name}")
