"""param_str: what a class written in Python is told, as its yaml.load or eval reads it."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from protonet.diagnostics import did_you_mean

# A text that a person wrote is far smaller; YAML can make much of little, and go deep.
_LONGEST, _DEEPEST, _MOST_PARTS = 10_000, 20, 2_000
_TUPLE = "tag:yaml.org,2002:python/tuple"


def mapping_of(text: str) -> dict[Any, Any] | None:
    """The mapping in a text, as its class's yaml.load or eval gives it; None where it has none."""
    if len(text) > _LONGEST or not text.strip():
        return None if text.strip() else {}
    given = _loaded(text)
    if not isinstance(given, dict) and ":" in text:
        lines = (line.strip().rstrip(",") for line in text.splitlines())
        given = _loaded(f"{{{','.join(lines)}}}")
    if isinstance(given, dict) and None not in given.values():
        return given
    try:  # a dict with tuples, which YAML reads as two words
        other = ast.literal_eval(text if text.strip().startswith("{") else f"{{{text}}}")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        other = None
    return other if isinstance(other, dict) else given if isinstance(given, dict) else None


def _loaded(text: str) -> Any:
    """What a YAML text holds, made of plain values only; None where it is none or not plain."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values, and tuples, which authors of Python layers write."""

    def made(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> tuple[Any, ...]:
        return tuple(loader.construct_sequence(node))

    Loader.add_constructor(_TUPLE, made)
    try:
        if not _is_plain(yaml.parse(text, Loader)):
            return None
        return yaml.load(text, Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError):
        return None


def _is_plain(events: Any) -> bool:
    """Whether a YAML text is small and flat, without anchors and without tags but the tuple's."""
    import yaml

    depth = 0
    for count, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            return False
        if tag not in (None, "!", _TUPLE) or depth > _DEEPEST or count > _MOST_PARTS:
            return False
    return True


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


class WrongOption(ValueError):
    """A param_str that a layer can't take, and what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def options_of(text: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The values of a param_str, by their names.

    It is YAML, of which JSON and most of Python's dicts are part: a block or a flow mapping, or its
    parts without the braces; !!python/tuple is the only tag. WrongOption where it is none, or has a
    name that is not of ``kinds``, or a value that is not of its kind.
    """
    given = mapping_of(text)
    if given is None:
        hint = f"write it as \"'{next(iter(kinds))}': 16\""
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise WrongOption(f"{shown!r} holds no names with values", hint)
    for name, value in given.items():
        if name not in kinds:
            what = f"it has no option {name!r}, it takes {' and '.join(kinds)}"
            raise WrongOption(what, did_you_mean(str(name), list(kinds)))
        if not kinds[name].fits(value):
            shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
            raise WrongOption(f"{name!r} takes {kinds[name].what}, not {shown}")
    return given


def other_options(given: Collection[Any], known: Collection[str]) -> list[str]:
    """The names that are none of a class's own, nor one misspelt: those of another class."""
    names = [str(name) for name in given if name not in known]
    return [name for name in names if not difflib.get_close_matches(name, known, 1, 0.85)]
