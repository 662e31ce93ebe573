"""What `protonet data show` prints of a database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from protonet.data.detection.box_survey import BoxSurvey
from protonet.data.survey import Survey

_BAR = 30
_MOST_LABELS = 20
_MOST_BOXES = 8


def described(database: Path, backend: str, found: Survey) -> Iterator[str]:
    """The lines: what it is, its shapes, a histogram of its labels, the first records."""
    yield from _head(database, backend, found)
    yield from _histogram(found)
    if found.first:
        yield ""
    width = max((len(record.key) for record in found.first), default=0)
    for record in found.first:
        label = "no label" if record.label is None else f"label {record.label}"
        mean = f"mean {record.mean:.4g}"
        yield f"{record.key:<{width}}  {record.shape}  {record.kind}  {label}  {mean}"


def described_boxes(
    database: Path, backend: str, found: BoxSurvey, names: Mapping[int, str]
) -> Iterator[str]:
    """The same of a database of images with boxes, by the ``names`` of its classes."""
    yield from _head(database, backend, found)
    total = sum(found.labels.values())
    told = f"{total:,} boxes, {found.most:,} of one image at most"
    told += f", {found.without:,} images without any" if found.without else ""
    yield told + (f", {found.difficult:,} difficult" if found.difficult else "")
    most = max(found.labels.values(), default=1)
    shown = [label for label, _ in found.labels.most_common(_MOST_LABELS)]
    width = max((len(names.get(label, "")) for label in shown), default=0)
    for label in sorted(shown):
        count, name = found.labels[label], names.get(label, "")
        bar = "█" * max(1, round(_BAR * count / most))
        yield f"{label:>6}  {name:<{width}}  {count:>10,}  {bar}"
    if len(found.labels) > _MOST_LABELS:
        yield f"{'':>6}  and {len(found.labels) - _MOST_LABELS:,} more classes"
    for record in found.first:
        yield ""
        yield f"{record.key}  {record.shape}  {record.kind}  {_boxes(len(record.boxes))}"
        for label, corners, hard in record.boxes[:_MOST_BOXES]:
            place = "  ".join(f"{value:.3f}" for value in corners)
            name = names.get(label, str(label))
            yield f"  {name:<{max(width, 6)}}  {place}{'  difficult' if hard else ''}"
        if len(record.boxes) > _MOST_BOXES:
            yield f"  and {len(record.boxes) - _MOST_BOXES:,} more"


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count} boxes"


def _head(database: Path, backend: str, found: Survey | BoxSurvey) -> Iterator[str]:
    """What a database is, its size, and the shapes of its images."""
    name = {"lmdb": "LMDB", "leveldb": "LevelDB"}[backend]
    size = sum(file.stat().st_size for file in database.rglob("*") if file.is_file())
    size = size or os.path.getsize(database)
    yield f"{database}: {name}, {found.count:,} records, {size / 1e6:,.2f} MB"
    yield ""
    shapes = found.shapes.most_common(_MOST_LABELS)
    for (shape, kind), count in shapes:
        yield f"{shape:>16}  {kind:<8} {count:>10,}"
    if len(found.shapes) > len(shapes):
        rest = sum(found.shapes.values()) - sum(count for _, count in shapes)
        yield f"{'':>16}  {'others':<8} {rest:>10,}"
    yield ""


def _histogram(found: Survey) -> Iterator[str]:
    """The labels with bars, those of most records where there are many."""
    labels = found.labels.most_common(_MOST_LABELS)
    most = labels[0][1]
    known = [label for label, _ in labels if label is not None]
    for label in (*sorted(known), *([None] if None in found.labels else [])):
        count = found.labels[label]
        name = "no label" if label is None else str(label)
        yield f"{name:>16}  {count:>10,}  {'█' * max(1, round(_BAR * count / most))}"
    if len(found.labels) > _MOST_LABELS:
        yield f"{'':>16}  and {len(found.labels) - _MOST_LABELS:,} more labels"
