"""protonet diff: what changed in a net."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from protonet.cli.nets import NET
from protonet.cli.options import both_nets_options
from protonet.graph import Graph
from protonet.graph.difference import Change, differences
from protonet.plain import plain
from protonet.schema.load import Readable
from protonet.selection import Selection


@click.command()
@click.argument("before", type=NET)
@click.argument("after", type=NET)
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("--all", "whole", is_flag=True, help="List every layer that has another shape, too.")
@both_nets_options
def command(
    before: Readable, after: Readable, style: str, whole: bool, selections: Sequence[Selection]
) -> None:
    """Tell what changed from BEFORE to AFTER in the net, not in the text.

    \b
    protonet diff old.prototxt new.prototxt
    protonet diff a.prototxt b.prototxt --phase TRAIN --format json

    Layers that came, went or are called otherwise, their fields, what they read, output shapes and
    parameters. Layers that are as they were but for shapes, by what they read, are counted;
    --all lists them, and JSON has them with "follows". The form of the file, the order of layers,
    the names of blobs and defaults that are stated make no difference. Exit code 0 where the nets
    are the same, 1 where they differ.
    """
    found: dict[Change, list[str]] = {}
    for selection in selections:
        graphs = [_graph(path, selection) for path in (before, after)]
        for change in differences(*graphs):
            found.setdefault(change, []).append(selection.phase)
    phases = [selection.phase for selection in selections]
    rows = [(change, "" if seen == phases else seen[0]) for change, seen in found.items()]
    if style == "json":
        changes = [{**asdict(change), "phase": only or None} for change, only in rows]
        click.echo(json.dumps({"same": not rows, "changes": changes}, indent=2))
    else:
        told = [row for row in rows if whole or not row[0].follows]
        lines = [*_lines(told), *_rest([change for change, _ in rows if change.follows], whole)]
        click.echo("\n".join(lines) if rows else "the nets are the same")
    raise click.exceptions.Exit(1 if rows else 0)


def _graph(source: Readable, selection: Selection) -> Graph:
    """The graph of one phase; an empty one where the file has no layers in it."""
    from protonet import api

    loaded = api.read(source)
    if len(loaded.message.layer) and not len(api.selected(loaded, selection).message.layer):
        return Graph(loaded.message.name, selection.phase)
    return api.graph_of(loaded, selection)


_LONGEST = 120
_SIGNS = {"removed": "-", "added": "+", "renamed": "=", "changed": "~", "total": "~"}


def _rest(following: Sequence[Change], whole: bool) -> Iterator[str]:
    """One line for the layers that are as they were but for shapes."""
    names = list(dict.fromkeys(change.layer for change in following))
    if names and not whole:
        several = f"{len(names)} layers" if len(names) > 1 else f"layer {plain(names[0], _LONGEST)}"
        have = "have" if len(names) > 1 else "has"
        yield f"  so {several} below {have} other shapes or parameters (--all lists them)"


def _lines(rows: Sequence[tuple[Change, str]]) -> Iterator[str]:
    """A line a change: its sign, the layer, what differs, before and after."""
    for change, only in rows:
        where = f"  ({only} only)" if only else ""
        layer, old, new = (plain(t, _LONGEST) for t in (change.layer, change.before, change.after))
        if change.kind in ("removed", "added"):
            yield f"{_SIGNS[change.kind]} {layer} ({old or new}){where}"
        elif change.kind == "renamed":
            yield f"= {old} is now called {new}{where}"
        else:
            head = "total" if change.kind == "total" else layer or "net"
            told = f"{old or 'none'} -> {new or 'none'}"
            yield f"{_SIGNS[change.kind]} {head}: {plain(change.what)} {told}{where}"
