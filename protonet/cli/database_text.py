"""What `protonet data show` prints of a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from protonet.data.survey import Survey

_BAR = 30
_MOST_LABELS = 20


def described(database: Path, backend: str, found: Survey) -> Iterator[str]:
    """The lines: what it is, its shapes, a histogram of its labels, the first records."""
    name = {"lmdb": "LMDB", "leveldb": "LevelDB"}[backend]
    size = sum(file.stat().st_size for file in database.rglob("*") if file.is_file())
    size = size or os.path.getsize(database)
    yield f"{database}: {name}, {found.count:,} records, {size / 1e6:,.2f} MB"
    yield ""
    for (shape, kind), count in found.shapes.most_common():
        yield f"{shape:>16}  {kind:<8} {count:>10,}"
    yield ""
    yield from _histogram(found)
    if found.first:
        yield ""
    width = max((len(record.key) for record in found.first), default=0)
    for record in found.first:
        label = "no label" if record.label is None else f"label {record.label}"
        mean = f"mean {record.mean:.4g}"
        yield f"{record.key:<{width}}  {record.shape}  {record.kind}  {label}  {mean}"


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
