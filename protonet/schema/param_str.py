"""param_str: what a class written in Python is told, as its yaml.load or eval reads it."""

from __future__ import annotations

import ast
from typing import Any

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
