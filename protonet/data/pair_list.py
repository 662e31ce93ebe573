"""Lists of images with their maps of labels, or with one label for all pixels, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from protonet.data.list_lines import Lines

PIXEL, IMAGE, NONE = "PIXEL", "IMAGE", "NONE"
_FORMS = {PIXEL: "`IMAGE LABELS`, two files", IMAGE: "`IMAGE LABEL`", NONE: "`IMAGE`"}
_MOST = 255
_MAPS = "for maps of labels give `label_type: PIXEL`; a line takes `IMAGE LABEL`"


class Pair(NamedTuple):
    """An image's file, the file of its labels or their one value, and its line from 1.

    ``labels`` is None where it has none.
    """

    image: str
    labels: str | int | None
    line: int


def read_pairs(path: Path, kind: str = PIXEL) -> list[Pair]:
    """The entries of a list whose lines have labels of a kind; names have no spaces in them.

    NetError at the line that is none. Source: the set-up of ImageSegDataLayer,
    DenseImageDataLayer and SegDataLayer, which read words and pass over a line's others.
    """
    lines = Lines(path, _FORMS[kind])
    pairs = []
    for number, words in lines:
        if kind == NONE:
            pairs.append(Pair(words[0], None, number))
            continue
        if len(words) != 2:
            shown = "1 word" if len(words) == 1 else f"{len(words)} words"
            hint = f"a line takes {_FORMS[kind]}; a name may have no space in it"
            raise lines.error(number, f"the line has {shown}, not 2", hint)
        labels: str | int = words[1]
        if kind == IMAGE:
            labels = lines.whole(number, words[1], "the label", _MAPS)
            if not 0 <= labels <= _MOST:
                raise lines.error(number, f"the label {labels} is not one of 0 to {_MOST}")
        pairs.append(Pair(words[0], labels, number))
    return pairs
