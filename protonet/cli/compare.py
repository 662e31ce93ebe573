"""protonet compare: nets side by side."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from protonet.cli.nets import NET, shown
from protonet.cli.options import ShapeOption, device_option
from protonet.cli.table import size
from protonet.cli.zoo import columns
from protonet.data.progress import tracked
from protonet.diagnostics import Source
from protonet.layers.base import show
from protonet.selection import Selection
from protonet.zoo.compare import ORDERS, Row, compare, find
from protonet.zoo.figures import at_shape

_HEADS = (
    "net",
    "input",
    "parameters",
    "multiply-adds",
    "activations",
    "training",
    "file",
    "depth",
)
_TIME = "forward"


class _AnyShape(ShapeOption):
    """``1x3x224x224`` for every net's first input, or ``data=1x3x224x224`` for one blob."""

    name = "[BLOB=]NxCxHxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, tuple[int, ...]]:
        if isinstance(value, tuple):
            return value
        text = str(value)
        if "=" in text:
            return super().convert(text, param, ctx)
        try:
            return "", super().convert(f"data={text}", None, None)[1]
        except click.BadParameter:
            self.fail(f"{text!r} is no shape; write it as 1x3x224x224", param, ctx)


@click.command()
@click.argument("nets", nargs=-1, required=True, type=NET)
@click.option(
    "--shape",
    "shapes",
    type=_AnyShape(),
    multiple=True,
    help="Shape of every net's first input. [one image of each net's own size]",
)
@click.option("--order", type=click.Choice(ORDERS), default=ORDERS[0], show_default=True)
@click.option(
    "--time/--no-time",
    "timed",
    default=True,
    help="Time a forward pass of each net here.  [--time, which takes seconds a net]",
)
@device_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "markdown", "json", "csv"]),
    default="table",
    show_default=True,
    help="json and csv have plain numbers: elements, bytes, milliseconds.",
)
def command(
    nets: tuple[str | Source, ...],
    shapes: tuple[tuple[str, tuple[int, ...]], ...],
    order: str,
    timed: bool,
    device: str,
    style: str,
) -> None:
    """Put NETS side by side: names that `protonet zoo` lists, or prototxt files.

    \b
    protonet compare vgg16 inception_v3 resnet50 densenet121
    protonet compare resnet50 my_net.prototxt --shape 8x3x224x224 --no-time
    protonet compare teaching/bottleneck teaching/bottleneck_direct --format markdown

    \b
    parameters     learned elements, BatchNorm's scale and shift with them
    multiply-adds  of convolutions and inner products, one forward pass over the input
    activations    memory that a training pass over the input keeps for its backward pass
    training       activations, and the weights, their gradients and their momentum
    file           the weights in single precision
    depth          the most layers with weights on a way through the net
    forward        the time of a forward pass here: the median of a few
    """
    everywhere = [shape for blob, shape in shapes if not blob]
    if len(everywhere) > 1:
        raise click.UsageError("--shape without a blob is given twice")
    named = {blob: shape for blob, shape in shapes if blob}
    shape = everywhere[0] if everywhere else None
    rows = compare(nets, shape, named or None, order)
    if timed:
        given = {shown(net): net for net in nets}
        rows = [
            replace(row, milliseconds=_time(given[row.name], shape, named, device))
            for row in tracked(rows, "timing", len(rows))
        ]
    click.echo(_STYLES[style](rows))


def _time(net: str | Source, shape: Any, named: Any, device: str) -> float:
    """The median of a few forward passes, in milliseconds."""
    from protonet.api import lowered, read
    from protonet.inference.forward import timed_pass

    source = read(find(net))
    graph = at_shape(source, "TEST", shape, named)
    shapes = {v.blob: v.shape for v in graph.inputs}
    return timed_pass(lowered(source, Selection(shapes=shapes)), device).milliseconds


def _cells(row: Row) -> tuple[str, ...]:
    f = row.figures
    cells = (
        row.name,
        show(f.input),
        f"{f.parameters:,}",
        f"{f.multiply_adds:,}",
        size(f.activations),
        size(f.training),
        size(f.file),
        str(f.depth),
    )
    return cells if row.milliseconds is None else (*cells, f"{row.milliseconds:.1f} ms")


def _heads(rows: Sequence[Row]) -> tuple[str, ...]:
    return (*_HEADS, _TIME) if rows[0].milliseconds is not None else _HEADS


def _table(rows: Sequence[Row]) -> str:
    return columns([_heads(rows), *map(_cells, rows)], 2)


def _markdown(rows: Sequence[Row]) -> str:
    heads = _heads(rows)
    marks = ("---", "---", *("---:",) * (len(heads) - 2))
    names = [(row.name.replace("_", "\\_").replace("|", "\\|"), *_cells(row)[1:]) for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, marks, *names))


def _numbers(row: Row) -> dict[str, Any]:
    f = row.figures
    found: dict[str, Any] = {
        "net": row.name,
        "input": list(f.input),
        "parameters": f.parameters,
        "statistics": f.statistics,
        "multiply_adds": f.multiply_adds,
        "activation_bytes": f.activations,
        "training_bytes": f.training,
        "file_bytes": f.file,
        "depth": f.depth,
    }
    return found if row.milliseconds is None else {**found, "forward_ms": row.milliseconds}


def _json(rows: Sequence[Row]) -> str:
    return json.dumps([_numbers(row) for row in rows], indent=2)


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_numbers(rows[0])), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        numbers = _numbers(row)
        name = row.name if row.name[:1].isalnum() or row.name[:1] in "./" else f"'{row.name}"
        writer.writerow({**numbers, "net": name, "input": show(row.figures.input)})
    return text.getvalue().rstrip("\n")


_STYLES = {"table": _table, "markdown": _markdown, "json": _json, "csv": _csv}
