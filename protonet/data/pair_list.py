"""Lists of images with their maps of labels, or with one label for all pixels, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from protonet.data.list_lines import Lines

PIXEL, IMAGE, NONE = "PIXEL", "IMAGE", "NONE"
_FORMS = {PIXEL: "`IMAGE LABELS`, two files", IMAGE: "`IMAGE LABEL`", NONE: "`IMAGE`"}
_BOX = " and `LEFT TOP RIGHT BOTTOM`"
_MOST = 255
_MAPS = "for maps of labels give `label_type: PIXEL`; a line takes `IMAGE LABEL`"


class Pair(NamedTuple):
    """An image's file, the file of its labels or their one value, and its line from 1.

    ``labels`` is None where it has none; ``box`` is the window (left, top, right, bottom) that is
    cut out, its last column and row included, None for the whole.
    """

    image: str
    labels: str | int | None
    line: int
    box: tuple[int, int, int, int] | None = None


def read_pairs(path: Path, kind: str = PIXEL, boxed: bool = False) -> list[Pair]:
    """The entries of a list whose lines have labels of a kind; names have no spaces in them.

    With ``boxed`` a window's four numbers end each line. NetError at the line that is none.
    Source: the set-up of ImageSegDataLayer, DenseImageDataLayer, SegDataLayer and
    WindowSegDataLayer, which read words and pass over a line's others.
    """
    lines = Lines(path, _FORMS[kind] + _BOX * boxed)
    return [_pair(lines, number, words, kind, boxed) for number, words in lines]


def _pair(lines: Lines, number: int, words: list[str], kind: str, boxed: bool) -> Pair:
    box = _box(lines, number, words, kind) if boxed else None
    if kind == NONE:
        return Pair(words[0], None, number, box)
    words = words[:2] if boxed else words
    if len(words) != 2:
        shown = "1 word" if len(words) == 1 else f"{len(words)} words"
        hint = f"a line takes {_FORMS[kind]}; a name may have no space in it"
        raise lines.error(number, f"the line has {shown}, not 2", hint)
    labels: str | int = words[1]
    if kind == IMAGE:
        labels = lines.whole(number, words[1], "the label", _MAPS)
        if not 0 <= labels <= _MOST:
            raise lines.error(number, f"the label {labels} is not one of 0 to {_MOST}")
    return Pair(words[0], labels, number, box)


def _box(lines: Lines, number: int, words: list[str], kind: str) -> tuple[int, int, int, int]:
    """The window that a line ends with."""
    names = 1 if kind == NONE else 2
    hint = f"a line takes {_FORMS[kind]}{_BOX}"
    if len(words) != names + 4:
        what = f"the line has {len(words)} words, not {names + 4}"
        raise lines.error(number, what, f"{hint}; a name may have no space in it")
    place = f"{hint}, whole numbers"
    found = [lines.whole(number, word, "a side of the window", place) for word in words[names:]]
    left, top, right, bottom = found
    if right < left or bottom < top:
        shown = " ".join(words[names:])
        raise lines.error(number, f"the window {shown} has nothing in it", hint)
    return left, top, right, bottom
