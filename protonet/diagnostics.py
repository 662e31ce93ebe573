"""Where something is wrong in a file, and an error that shows the place."""

from __future__ import annotations

import os
import re
import traceback
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protonet.plain import plain

_WIDEST_LINE = 160
_LONGEST_WORD = 60
_SOME = 12  # names that a hint lists, of many
_FOR_ALL = re.compile("_par?a?ms?$")  # what every name of a layer's message ends in
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, eq=False)
class Source:
    """A text and the name a person knows it by (a path, or ``<text>``).

    ``encoding`` is what its bytes were read as: UTF-8, or Latin-1 for any other, which keeps them.
    ``define`` are the values that were put into the placeholders of its template.
    """

    name: str
    text: str
    encoding: str = "utf-8"
    define: Mapping[str, str] = field(default_factory=dict, repr=False)
    _starts: list[int] = field(default_factory=list, repr=False)

    def _line_starts(self) -> list[int]:
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(i + 1 for i, c in enumerate(self.text) if c == "\n")
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both counted from 1, of a character offset."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def length(self, number: int) -> int:
        """The characters of one line, without its end."""
        starts = self._line_starts()
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        while end > starts[number - 1] and self.text[end - 1] == "\r":
            end -= 1
        return end - starts[number - 1]

    def line(self, number: int, first: int = 0, most: int | None = None) -> str:
        """The text of one line, without its end; or at most so many characters of it."""
        length = self.length(number)
        end = length if most is None else min(length, first + most)
        start = self._line_starts()[number - 1]
        return self.text[start + first : start + end]


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line on which the span starts, counted from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column at which the span starts, counted from 1."""
        return self.source.position(self.start)[1]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{plain(self.source.name)}:{line}:{column}"

    def excerpt(self) -> str:
        """The line at fault with carets below it; a very long line is cut around the place."""
        number, column = self.source.position(self.start)
        length = self.source.length(number)
        first = max(0, column - 1 - _WIDEST_LINE // 2) if length > _WIDEST_LINE else 0
        text = self.source.line(number, first, _WIDEST_LINE)
        column -= first
        width = max(1, min(self.end - self.start, len(text) - column + 1))
        before = "".join("\t" if c == "\t" else " " for c in text[: column - 1])
        shown = "".join(c if c.isprintable() or c == "\t" else "�" for c in text)
        gutter = f"{number:>5} | "
        return f"{gutter}{shown}\n{' ' * (len(gutter) - 2)}| {before}{'^' * width}"


class PrettyPrinter(Protocol):
    """The pretty printer of IPython, as far as it is needed."""

    def text(self, text: str) -> None:
        """Print a text as it is."""
        ...


def _is_own(filename: str) -> bool:
    return filename.startswith(os.path.join(os.path.dirname(__file__), ""))


class NetError(Exception):
    """The user's file or call is wrong: what, where, and what would be right."""

    def __init__(self, message: str, span: Span | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint

    @property
    def all(self) -> tuple[NetError, ...]:
        """Every problem that it tells of: itself, or the several that it holds."""
        return (self,)

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        lines = [f"{place}error: {plain(self.message)}"]
        if self.span and self.span.source.text:
            lines.append(self.span.excerpt())
        if self.hint:
            lines.append(f"  hint: {plain(self.hint)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        hint = f" ({plain(self.hint)})" if self.hint else ""
        return f"<{type(self).__name__} {place}{plain(self.message)}{hint}>"

    def _repr_pretty_(self, printer: PrettyPrinter, _cycle: bool) -> None:
        """What a notebook shows of an error that is a value: the place with its line."""
        printer.text(str(self))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of an error that was raised: the caller's lines, and the error.

        Where in the library it arose is of no help to who has to mend a file.
        """
        frames = traceback.extract_tb(self.__traceback__)
        own = next((i for i, f in enumerate(frames) if _is_own(f.filename)), len(frames))
        lines = traceback.format_list([f for f in frames[:own] if "IPython" not in f.filename])
        return [*(line.rstrip("\n") for line in lines), f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[type[NetError], tuple[object, ...]]:
        return type(self), (self.message, self.span, self.hint)


class DeviceLost(NetError):
    """An error after which the process can neither use its GPU nor let go of it."""


class NetWarning(UserWarning):
    """What is no mistake, but may not be what its writer meant."""


class SameNames(NetWarning):
    """Several layers with parameters have one name; weights reach the first only."""


class IgnoredFields(NetWarning):
    """A definition states fields that change nothing that is computed; they are not looked at."""


class AsInCaffe(NetWarning):
    """A definition does not do what it seems to say; here it does what it does in Caffe."""


class UnlikeCaffe(NetWarning):
    """Caffe computes something else there, out of memory that it has overwritten."""


class NetErrors(NetError):
    """Several problems found in one go, the first of them first."""

    def __init__(self, errors: Sequence[NetError]) -> None:
        first = errors[0]
        super().__init__(first.message, first.span, first.hint)
        self.errors = tuple(errors)

    @property
    def all(self) -> tuple[NetError, ...]:
        """The problems, in their order."""
        return self.errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)

    def __reduce__(self) -> tuple[type[NetErrors], tuple[tuple[NetError, ...]]]:
        return type(self), (self.errors,)


def raise_all(errors: Sequence[NetError]) -> None:
    """Raise what was found, together where it is several; nothing where it is none."""
    if errors:
        raise errors[0] if len(errors) == 1 else NetErrors(errors)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error, of torch's or Python's, says that there is too little memory."""
    said = str(error).lower()
    words = ("alloc", "out of memory", "enough memory", "size calculation overflow", "numel")
    return isinstance(error, MemoryError) or any(word in said for word in words)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known words, or None where nothing is near.

    Near is what a slip of the keys makes of a word, and a known word that says all that this one
    does and more (kernel: kernel_size). HardSwish is no slip for Swish, but another thing.
    """
    return or_none(nearest(word, known))


def proposed(word: str, known: Iterable[str], what: str) -> str:
    """A hint that names the nearest known words; where none is near, some of what there is.

    ``what`` is what the words are called: the blobs.
    """
    names = list(known)
    some = ", ".join(names if len(names) <= _SOME else [*names[: _SOME - 1], "...", names[-1]])
    return did_you_mean(word, names) or (f"{what} are {some}" if names else f"{what} are none")


def or_none(close: Sequence[str]) -> str | None:
    """A hint that names such words; None where there are none."""
    return f"did you mean {' or '.join(repr(c) for c in close)}?" if close else None


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known words that are near, at most three, as ``did_you_mean`` says."""
    words = list(known)
    return [name for name in words if name.lower() == word.lower()] or _nearest(word, words)


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    plain, parts = _plain(word), _parts(word)
    if not parts or len(plain) > _LONGEST_WORD:
        return []
    limit = max(1, min(3, len(plain) // 5))
    near = []
    for name in known:
        other = _plain(name)
        apart = abs(len(plain) - len(other))
        if apart <= limit and len({*plain} ^ {*other}) <= 2 * limit:
            distance = _distance(plain, other)
            if distance <= limit:
                near.append((distance, name))
                continue
        if _says_more(parts, _parts(name)):
            near.append((limit + apart, name))
    return [name for _, name in sorted(near, key=lambda pair: pair[0])[:3]]


def _plain(word: str) -> str:
    return "".join(c for c in _FOR_ALL.sub("", word.lower()) if c.isalnum())


def _parts(word: str) -> list[str]:
    """The words in a name: kernel and size in kernel_size, Soft and Max in SoftMax."""
    return [part.lower() for part in _PART.findall(_FOR_ALL.sub("", word))]


def _says_more(parts: Sequence[str], known: Sequence[str]) -> bool:
    """Whether a name has these words in their order, or each of them in short."""
    rest = iter(known)
    if all(any(other.startswith(part) for other in rest) for part in parts):
        return True
    return len(parts) == len(known) and all(
        part.startswith(other[:4]) and other.startswith(part[: len(other)])
        for part, other in zip(parts, known, strict=True)
    )


def _distance(a: str, b: str) -> int:
    """Letters put in, left out, exchanged for another or for their neighbour, from a to b."""
    before, row = [0], list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
