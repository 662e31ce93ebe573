"""A net's README and the zoo's own table, written from the catalogue and the counted figures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from protonet.layers.base import show
from protonet.zoo.entry import Entry

_WIDTH = 100


def readme(entry: Entry, figures: Mapping[str, Any]) -> str:
    """The README of one net."""
    paper = entry.paper
    parts = [
        f"# {entry.title}",
        _wrapped(f"{paper.authors}: *{paper.title}*. {paper.where}, {paper.year}."),
        _wrapped(entry.new),
        _table(entry, figures),
        _wrapped(f"Published: {entry.published} parameters ({entry.source})."),
        "## Recipe",
        _wrapped(entry.recipe),
    ]
    if entry.differs:
        parts += ["## Where it differs", _wrapped(entry.differs)]
    if entry.more:
        parts.append(entry.more.rstrip())
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(entry: Entry, figures: Mapping[str, Any]) -> str:
    rows = (
        ("input", show(tuple(figures["input"]))),
        ("parameters", f"{figures['parameters']:,}"),
        ("multiply-adds", f"{figures['multiply_adds']:,}"),
        ("activations kept to train", megabytes(figures["activations"])),
        ("weights in single precision", megabytes(figures["file"])),
        ("layers with weights, in depth", str(figures["depth"])),
    )
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([f"| {entry.name} | one image |", "|---|---:|", *lines])


def megabytes(number: int) -> str:
    """Bytes in millions, to a tenth."""
    return f"{number / 1e6:,.1f} MB"


def overview(entries: Mapping[str, Entry], figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of all nets, for the zoo's README."""
    lines = [
        "| net | year | input | parameters | multiply-adds | activations | depth |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, entry in entries.items():
        f = figures[name]
        size = show(tuple(f["input"][1:]))
        numbers = (f"{f['parameters']:,}", f"{f['multiply_adds']:,}", megabytes(f["activations"]))
        cells = (f"[{entry.title}]({name}/README.md)", str(entry.paper.year), size, *numbers)
        lines.append(f"| {' | '.join(cells)} | {f['depth']} |")
    return "\n".join(lines)
