"""The costs of a net as Markdown, JSON and CSV; a name from a file shows as text in each."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

from protonet.cli.table import HEADS, aligned, row, totals
from protonet.garbage import uncollected
from protonet.graph.cost import LayerCost, NetCost
from protonet.graph.field import ReceptiveField
from protonet.layers.base import show
from protonet.plain import plain

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&$:@])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CSV_HEADS = (
    "layer",
    "type",
    "output",
    "parameters",
    "statistics",
    "multiply_adds",
    "forward_bytes",
    "training_bytes",
    "receptive_field",
    "receptive_field_stride",
    "receptive_field_offset",
)


@uncollected()
def markdown(cost: NetCost) -> str:
    """A table for a pull request or a paper's notes, numbers to the right."""
    lines = [_line(HEADS), _line(("---",) * 3 + ("---:",) * (len(HEADS) - 3))]
    for layer in cost.layers:
        name, *rest = row(layer)
        lines.append(_line((_SPECIAL.sub(r"\\\1", name), *rest)))
    return "\n".join([*lines, _line(tuple(f"**{cell}**" if cell else "" for cell in totals(cost)))])


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


@uncollected()
def as_json(cost: NetCost) -> str:
    """Numbers as they are: elements, multiply-adds, bytes."""
    graph = cost.graph
    totals = {
        "layers": len(graph.nodes),
        "parameters": cost.parameters,
        "statistics": cost.statistics,
        "multiply_adds": cost.multiply_adds,
        "forward_bytes": cost.forward,
        "peak_bytes": cost.peak,
        "training_bytes": cost.training,
    }
    layers = [_layer(layer) for layer in cost.layers]
    found = {"name": graph.name, "phase": graph.phase, "totals": totals, "layers": layers}
    return json.dumps(found, indent=2)


def _layer(layer: LayerCost) -> dict[str, Any]:
    node = layer.node
    return {
        "name": node.name,
        "type": node.type,
        "line": node.span.line if node.span else None,
        "inputs": [v.blob for v in node.inputs],
        "outputs": [{"blob": v.blob, "shape": list(v.shape)} for v in node.outputs],
        "parameters": layer.parameters,
        "statistics": layer.statistics,
        "multiply_adds": layer.multiply_adds,
        "forward_bytes": layer.forward,
        "training_bytes": layer.training,
        "receptive_field": _field(layer.field) if layer.field else None,
    }


def _field(field: ReceptiveField) -> dict[str, Any]:
    if field.covers_all:
        return {"covers_all": True}
    stride = [int(n) if n.denominator == 1 else float(n) for n in field.stride]
    return {"size": list(field.size), "stride": stride, "offset": list(field.offset)}


@uncollected()
def as_csv(cost: NetCost) -> str:
    """A line a layer, texts in quotes; one that a spreadsheet would run has an apostrophe first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_CSV_HEADS)
    for layer in cost.layers:
        field = layer.field
        seen: tuple[str, ...] = (str(field),) if field and field.covers_all else ()
        if field and not field.covers_all:
            steps, first = "x".join(map(str, field.stride)), "x".join(map(str, field.offset))
            seen = (str(field), steps, csv_text(first))
        shapes = " ".join(show(v.shape) for v in layer.node.outputs)
        numbers = (layer.parameters, layer.statistics, layer.multiply_adds)
        memory = (layer.forward, layer.training)
        names = (csv_text(layer.node.name), csv_text(layer.node.type))
        cells = (*names, shapes, *numbers, *memory, *seen)
        writer.writerow(cells + ("",) * (len(_CSV_HEADS) - len(cells)))
    return text.getvalue().rstrip("\n")


def csv_text(cell: str) -> str:
    """A cell that is read as text: what a spreadsheet would run has an apostrophe first."""
    cell = plain(cell)
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) or cell.startswith(_FORMULA) else cell


FORMATS: dict[str, Callable[[NetCost], str]] = {
    "table": aligned,
    "markdown": markdown,
    "json": as_json,
    "csv": as_csv,
}
