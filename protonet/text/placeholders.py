"""Places in a template that a value is to be put into: $WIDTH$, $WIDTH or ${WIDTH}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from protonet.diagnostics import NetError, Source, Span, did_you_mean

NAME = re.compile(r"(?a:[A-Za-z_]\w*)")
_PLACE = re.compile(r"(?a:\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*)\$?))")
_QUIET = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?")


def filled(source: Source, define: Mapping[str, str]) -> Source:
    """The text with these values in the places of these names, in strings and comments too.

    The text knows its values, for what it names to be filled with them as well.
    """

    def value(found: re.Match[str]) -> str:
        return define.get(found[1] or found[2], found[0])

    return replace(source, text=_PLACE.sub(value, source.text), define=dict(define), _starts=[])


def unfilled(source: Source, start: int) -> NetError | None:
    """The error at a $ that begins a placeholder; None where it begins none."""
    found = _PLACE.match(source.text, start)
    if not found:
        return None
    first = found[1] or found[2]
    names = dict.fromkeys([first, *_names(source.text)])
    given = " ".join(f"--define {name}=VALUE" for name in names)
    more = ", ..." if len(names) > 1 else ""
    hint = f"fill it with {given}; in Python with define={{{first!r}: VALUE{more}}}"
    hint = did_you_mean(first, [name for name in source.define if name not in names]) or hint
    what = f"{found[0]} is a placeholder, for a value to be put in its place"
    return NetError(what, Span(source, *found.span()), hint)


def _names(text: str) -> list[str]:
    """The names of all placeholders outside of comments and strings, in order."""
    bare = _QUIET.sub(lambda quiet: " " * len(quiet[0]), text)
    return [found[1] or found[2] for found in _PLACE.finditer(bare)]
