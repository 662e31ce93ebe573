"""protonet weights: what is in a file with weights, and what of it fits a net."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import net_options
from protonet.cli.table import LONGEST, in_columns, size
from protonet.diagnostics import NetError
from protonet.layers.base import show
from protonet.plain import plain
from protonet.schema.load import Readable
from protonet.selection import Selection

_HEADS = ("layer", "type", "blob", "shape", "precision", "in the net", "numbers", "size")


@click.command()
@click.argument("weights", type=WEIGHTS)
@click.option("--prototxt", type=NET, help="The net to compare it with.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json has numbers and bytes as they are.",
)
@net_options
def command(weights: str, prototxt: Readable | None, style: str, selection: Selection) -> None:
    """List the layers of WEIGHTS: blobs, shapes, precision, sizes.

    \b
    protonet weights net.caffemodel
    protonet weights net.caffemodel --prototxt deploy.prototxt
    protonet weights net.caffemodel.h5 --format json

    With a net it says of each layer whether it matches. Only the structure of the file is read,
    however large it is. Exit code 1 where a layer does not fit the net.
    """
    from protonet.weights.read import split_paths

    places, forms = None, None
    if prototxt:
        from protonet.api import graph_of, variants
        from protonet.weights.convert import wanted

        places = wanted(graph_of(prototxt, selection))
        forms = variants(prototxt, selection)
    reports = [_report(path, places, forms) for path in split_paths(weights)]
    if style == "json":
        click.echo(json.dumps(reports if len(reports) > 1 else reports[0], indent=2))
    else:
        click.echo("\n\n".join(_table(report) for report in reports))
    problems = [p for r in reports for layer in r["layers"] if (p := layer.get("problem"))]
    if problems:
        raise NetError(f"{len(problems)} layer{'s do' if len(problems) > 1 else ' does'} not fit")


def _report(path: str, places: Mapping[str, Sequence[Any]] | None, variants: Any) -> dict[str, Any]:
    """All that is to be said of a file, as plain data."""
    from protonet.weights.match import misfit
    from protonet.weights.read import open_any, open_weights
    from protonet.weights.stored import StoredNet

    opened = open_weights(path, variants) if variants else open_any(path)
    if not isinstance(opened, StoredNet):
        from protonet.weights.state import as_net, as_told

        opened = as_told(opened) or as_net(opened)
    layers = []
    for layer in opened.layers:
        blobs = [_blob(blob) for blob in layer.blobs]
        said: dict[str, Any] = {"name": layer.name, "type": layer.type, "blobs": blobs}
        said.update({"names": list(layer.names)} if layer.names else {})
        if places is not None and layer.name not in places:
            said["match"] = "only in the file" if layer.blobs else ""
        elif places is not None:
            problem = misfit(layer, places[layer.name], opened)
            said["match"] = "does not fit" if problem else "fits" if layer.blobs else ""
            said.update({"problem": problem.message} if problem else {})
            said["wanted"] = [list(place.shape) for place in places[layer.name]]
        layers.append(said)
    names = {layer.name for layer in opened.layers}
    missing = [
        {"name": name, "wanted": [list(place.shape) for place in blobs]}
        for name, blobs in (places or {}).items()
        if name not in names and not all(place.shared for place in blobs)
    ]
    found = {"path": path, "format": opened.format, "name": opened.name, "layers": layers}
    return found if places is None else {**found, "missing": missing}


def _blob(blob: Any) -> dict[str, Any] | None:
    if blob is None:
        return None
    numbers = math.prod(blob.shape)
    return {
        "shape": list(blob.shape),
        "precision": blob.dtype.name,
        "numbers": numbers,
        "bytes": numbers * blob.dtype.itemsize,
        "gradient": getattr(blob, "diff", None) is not None,
    }


def _table(report: dict[str, Any]) -> str:
    compared = "missing" in report
    rows = [row for layer in report["layers"] if layer["blobs"] for row in _rows(layer)]
    for layer in report.get("missing", ()):
        shapes = ", ".join(show(tuple(shape)) for shape in layer["wanted"])
        lacking = f"not in the file: {shapes}"
        rows.append((plain(layer["name"], LONGEST), "", "", "", "", lacking, "", ""))
    blobs = [blob for layer in report["layers"] for blob in layer["blobs"] if blob]
    having = sum(bool(layer["blobs"]) for layer in report["layers"])
    numbers, taken = sum(b["numbers"] for b in blobs), sum(b["bytes"] for b in blobs)
    count = f"{having} of {len(report['layers'])} layers"
    rows.append(("total", count, str(len(blobs)), "", "", "", f"{numbers:,}", size(taken)))
    table = [_HEADS, *rows]
    if not compared:
        table = [(*row[:5], *row[6:]) for row in table]
    title = f"{plain(report['path'])}: {report['format']}"
    title += f", net {plain(report['name'], LONGEST)!r}" if report["name"] else ""
    return f"{title}\n\n{in_columns(table, 6 if compared else 5)}"


def _rows(layer: dict[str, Any]) -> list[tuple[str, ...]]:
    """A line for each blob; the layer's name is in the first."""
    rows: list[tuple[str, ...]] = []
    own = (plain(layer["name"], LONGEST), plain(layer["type"], LONGEST))
    names = layer.get("names") or [str(index) for index in range(len(layer["blobs"]))]
    for index, blob in enumerate(layer["blobs"]):
        first = own if index == 0 else ("", "")
        head = (*first, plain(names[index], LONGEST))
        if blob is None:
            rows.append((*head, "another layer's", "", "", "", ""))
            continue
        shape = show(tuple(blob["shape"]))
        numbers, taken = f"{blob['numbers']:,}", size(blob["bytes"])
        verdict = _verdict(layer, index)
        rows.append((*head, shape, blob["precision"], verdict, numbers, taken))
    return rows


def _verdict(layer: dict[str, Any], index: int) -> str:
    places = layer.get("wanted", ())
    shape = show(tuple(places[index])) if index < len(places) else "no such blob"
    if layer.get("match") == "does not fit":
        from protonet.weights.match import fits

        given = layer["blobs"][index]["shape"]
        right = index < len(places) and fits(given, tuple(places[index]))
        return "fits" if right else f"does not fit: {shape}"
    return layer.get("match", "") or ""
