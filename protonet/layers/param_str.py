"""param_str: the options of a layer whose class was written in Python, as YAML."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from protonet.layers.base import Layer, LayerError
from protonet.schema.param_str import mapping_of
from protonet.schema.pool import Message


@dataclass(frozen=True)
class Kind:
    """What an option takes, in words and as a test."""

    what: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_sizes(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= 1000:
        return False
    return all(_is_number(each) and 0 < each <= 2**31 for each in value)


WHOLE = Kind(
    "a whole number of at least 1",
    lambda value: type(value) is int and 1 <= value < 2**31,
)
NUMBER = Kind("a number", _is_number)
SIZES = Kind("a list of positive numbers", _are_sizes)
TEXT = Kind("a text", lambda value: isinstance(value, str) and bool(value))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
SCALAR = Kind("one value", lambda value: _is_number(value) or isinstance(value, str))


def options(message: Any, /, **kinds: Kind) -> dict[str, Any]:
    """The values of a layer's param_str, by their names.

    It is YAML, of which JSON and most of Python's dicts are part: a block or a flow mapping, or its
    parts without the braces; !!python/tuple is the only tag. LayerError where it is none, or has a
    name that is not of ``kinds``, or a value that is not of its kind.
    """
    given = mapping_of(message.param_str)
    if given is None:
        shown = (
            message.param_str if len(message.param_str) <= 60 else f"{message.param_str[:60]}..."
        )
        hint = f"write it as \"'{next(iter(kinds))}': 16\""
        raise LayerError(f"{shown!r} holds no names with values", "param_str", hint=hint)
    for name, value in given.items():
        if name not in kinds:
            what = f"it has no option {name!r}, it takes {' and '.join(kinds)}"
            raise LayerError(what, "param_str")
        if not kinds[name].fits(value):
            shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
            raise LayerError(f"{name!r} takes {kinds[name].what}, not {shown}", "param_str")
    return given


class Namesake(Layer):
    """A layer that stands for a Python class of its name where no option of another is stated."""

    known: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def knows(cls, message: Message) -> bool:
        """Whether every option that param_str states is one of the class's, or one misspelt."""
        given = mapping_of(message.python_param.param_str) or {}
        others = [str(name) for name in given if name not in cls.known]
        return all(difflib.get_close_matches(name, cls.known, 1, 0.85) for name in others)
