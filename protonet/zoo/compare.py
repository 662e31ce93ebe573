"""Nets side by side: what each holds and costs, in one order."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from protonet.diagnostics import NetError, Source, did_you_mean
from protonet.zoo.catalogue import deploy, names
from protonet.zoo.figures import Figures, figures

# What nets can be put in order by; the first is the default.
ORDERS = ("multiply-adds", "parameters", "activations", "training", "file", "depth", "given")


@dataclass(frozen=True)
class Row:
    """One net of a comparison; ``milliseconds`` of a forward pass where it was timed."""

    name: str
    figures: Figures
    milliseconds: float | None = None


def find(name: str | Source) -> str | Source:
    """The path or the text of a net that is meant by a name of the zoo or a file's path.

    A file wins over a name of the zoo. NetError where it is neither.
    """
    if isinstance(name, Source):
        return name
    known = names()
    if name in known and not Path(name).exists():
        return deploy(name)
    if Path(name).suffix or os.sep in name or Path(name).exists():
        return name
    hint = did_you_mean(name, known) or "give a file, or a name that `protonet zoo` lists"
    raise NetError(f"{name!r} is no net of the zoo and no file", None, hint)


def compare(
    wanted: Sequence[str | Source],
    shape: Sequence[int] | None = None,
    named: Mapping[str, Sequence[int]] | None = None,
    order: str = ORDERS[0],
) -> list[Row]:
    """The figures of each net, the least first; ``order`` is one of ORDERS.

    ``shape`` is that of every net's first input, by default one image of the net's own size;
    ``named`` gives shapes by blob. NetError where a net is unknown, wrong, or does not take it.
    """
    rows = [
        Row(name if isinstance(name, str) else name.name, figures(find(name), shape, named))
        for name in wanted
    ]
    if order == "given":
        return rows
    attribute = order.replace("-", "_")
    return sorted(rows, key=lambda row: getattr(row.figures, attribute))
