"""What is in a database: its records counted by shape, kind and label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from protonet.data.datum import Datum, parse_datum, pixels
from protonet.data.mean_image import broken
from protonet.data.records import Record

_KINDS = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"BM", "bmp"), (b"RIFF", "webp"))
_DECODED = 1000


@dataclass(frozen=True)
class First:
    """One of the first records."""

    key: str
    shape: str
    kind: str
    label: int | None
    mean: float


@dataclass
class Survey:
    """The records counted; shapes that only decoding tells are those of the first thousand."""

    count: int = 0
    values: int = 0
    shapes: Counter[tuple[str, str]] = field(default_factory=Counter)
    labels: Counter[int | None] = field(default_factory=Counter)
    first: list[First] = field(default_factory=list)


def survey(records: Iterable[Record], path: Path, first: int) -> Survey:
    """Count all records, and look into the first few. NetError where one is no Datum."""
    found = Survey()
    for record in records:
        try:
            _count(found, record, first)
        except ValueError as error:
            raise broken(path, record, error) from None
        found.count += 1
        found.values += len(record.value)
    return found


def _count(found: Survey, record: Record, first: int) -> None:
    datum = parse_datum(record.value)
    kind = kind_of(datum)
    states = datum.channels * datum.height * datum.width
    shape = f"{datum.channels}x{datum.height}x{datum.width}" if states else "size not stated"
    looked_at = found.count < first or (not states and found.count < _DECODED)
    if looked_at:
        image = pixels(datum, None)
        shape = "x".join(str(n) for n in image.shape)
    if found.count < first:
        name = record.shown_key
        found.first.append(First(name, shape, kind, datum.label, float(image.mean())))
    found.shapes[shape, kind] += 1
    found.labels[datum.label] += 1


def kind_of(datum: Datum) -> str:
    """How the record holds its image."""
    if not datum.encoded:
        return "raw" if datum.data else "float"
    return next((kind for mark, kind in _KINDS if datum.data.startswith(mark)), "encoded")
