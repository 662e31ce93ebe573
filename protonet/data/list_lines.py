"""The lines of a list as words, and the error of a line that is none of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from protonet.diagnostics import NetError, Source, Span
from protonet.reading import reading

LARGEST = 1 << 31


class Lines:
    """A list's lines that are not empty, each with its number from 1.

    NetError where the file can't be read or has no line; ``form`` is what a line takes.
    """

    def __init__(self, path: Path, form: str) -> None:
        self._path, self._form = path, form
        with reading(path):
            self._text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        if not self._text.strip():
            raise NetError(f"the list {os.fspath(path)} is empty", None, f"it takes {form} a line")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(self._text.split("\n"), 1):
            if words := line.split():
                yield number, words

    def error(self, number: int, message: str, hint: str | None = None) -> NetError:
        """A NetError that shows the line of that number."""
        text = self._text.encode("utf-8", "replace").decode()
        source = Source(os.fspath(self._path), text)
        start = sum(len(line) + 1 for line in source.text.split("\n")[: number - 1])
        span = Span(source, start, start + len(source.line(number)))
        return NetError(message, span, hint or f"a line takes {self._form}")

    def whole(self, number: int, word: str, what: str, hint: str | None = None) -> int:
        """A word as a whole number. NetError, at its line, where it is none."""
        value = int(word) if re.fullmatch(r"[-+]?[0-9]{1,10}", word) else LARGEST
        if abs(value) >= LARGEST:
            what = f"{word!r} is no whole number, and stands where {what} is"
            raise self.error(number, what, hint)
        return value
