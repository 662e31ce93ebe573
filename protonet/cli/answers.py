"""What a net says of images as text for one, and as CSV for many."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protonet.arrays import Array
from protonet.cli.report import csv_text
from protonet.inference.boxes import Found
from protonet.inference.names import ClassNames
from protonet.inference.segments import Portion
from protonet.plain import plain

Cells = tuple[str, ...]
HEADS: dict[str, Cells] = {
    "classes": ("image", "rank", "class", "label", "score"),
    "boxes": ("image", "class", "label", "score", "left", "top", "right", "bottom"),
    "segments": ("image", "class", "label", "share"),
    "values": ("image", "blob", "shape", "low", "high", "mean"),
}


@dataclass(frozen=True)
class Answer:
    """What was found in one image, under its name, of the kind that ``HEADS`` names.

    ``size`` is the image's, (height, width); ``more`` is how many rows were not asked for.
    """

    name: str
    kind: str
    size: tuple[int, ...]
    rows: Sequence[Found | Portion | tuple[int, float] | tuple[str, Array]]
    more: int = 0


def as_text(answer: Answer, names: ClassNames) -> str:
    """The rows under the image's name, in columns."""
    name = plain(answer.name)
    if answer.kind == "classes":
        return "\n".join([name, *_classes(answer, names)])
    if answer.kind == "values":
        return "\n".join([name, *_values(answer)])
    high, wide = answer.size[:2]
    what = "box" if answer.kind == "boxes" else "class"
    count = len(answer.rows) + answer.more
    head = f"{name} ({wide}x{high}): {count} {what}{'es' * (count != 1)}"
    boxes = answer.kind == "boxes"
    heads: Cells = ("score", "label", "left", "top", "right", "bottom")
    table = [heads if boxes else ("share", "label"), *_rows(answer, names)]
    more = [f"  and {answer.more} more: --top shows them"] * bool(answer.more)
    return "\n".join([head, *_aligned(table if answer.rows else []), *more])


def _rows(answer: Answer, names: ClassNames) -> Iterator[Cells]:
    for row in answer.rows:
        if isinstance(row, Found):
            corners = (row.left, row.top, row.right, row.bottom)
            yield (_score(row.score), plain(names[row.label]), *(f"{c:.0f}" for c in corners))
        elif isinstance(row, Portion):
            yield f"{100 * row.share:.2f}%", plain(names[row.label])


def _aligned(table: Sequence[Cells]) -> Iterator[str]:
    """Columns two spaces apart: the second to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))] if table else []
    for row in table:
        pairs = zip(row, widths, strict=True)
        cells = [c.ljust(w) if i == 1 else c.rjust(w) for i, (c, w) in enumerate(pairs)]
        yield f"  {'  '.join(cells)}".rstrip()


def _classes(answer: Answer, names: ClassNames) -> Iterator[str]:
    pairs = [row for row in answer.rows if isinstance(row, tuple)]
    numbers = [_score(float(score)) for _, score in pairs]
    places = max(len(str(label)) for label, _ in pairs)
    wide = max(map(len, numbers))
    for (label, _), number in zip(pairs, numbers, strict=True):
        shown = plain(names[int(label)]) if names else f"class {label:>{places}}"
        yield f"  {number:>{wide}}  {shown}"


def _values(answer: Answer) -> Iterator[str]:
    for _, blob, shape, low, high, mean in _value_cells(answer):
        yield f"  {plain(blob)} {shape}: {low} to {high}, mean {mean}"


def _value_cells(answer: Answer) -> Iterator[Cells]:
    for row in answer.rows:
        if isinstance(row, tuple):
            blob, values = str(row[0]), row[1]
            assert not isinstance(values, float)
            shape = "x".join(map(str, values.shape)) or "a number"
            numbers = (values.min(), values.max(), values.mean()) if values.size else ()
            shown = [f"{number:.6g}" for number in numbers] or ["none"] * 3
            yield (answer.name, blob, shape, *shown)


def _score(score: float) -> str:
    return f"{score:.4f}" if 0 <= score <= 1 else f"{score:.6g}"


def csv_head(kind: str) -> str:
    """The first line of a CSV."""
    return _line(HEADS[kind])


def as_csv(answer: Answer, names: ClassNames) -> str:
    """A line for each row; none where nothing was found."""
    return "".join(_line(tuple(map(csv_text, cells))) for cells in _cells(answer, names))


def _cells(answer: Answer, names: ClassNames) -> Iterator[Cells]:
    for rank, row in enumerate(answer.rows, 1):
        if isinstance(row, Found):
            corners = (row.left, row.top, row.right, row.bottom)
            shown = [f"{number:.6g}" for number in (row.score, *corners)]
            yield (answer.name, str(row.label), _named(names, row.label), *shown)
        elif isinstance(row, Portion):
            yield answer.name, str(row.label), _named(names, row.label), f"{row.share:.6g}"
        elif answer.kind == "classes":
            label, score = int(row[0]), row[1]
            yield answer.name, str(rank), str(label), _named(names, label), f"{score:.6g}"
    if answer.kind == "values":
        yield from _value_cells(answer)


def _named(names: ClassNames, label: int) -> str:
    return names[label] if names else ""


def _line(cells: Cells) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
