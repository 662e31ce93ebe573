"""protonet diff: what changed in a net."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from protonet.cli.options import net_options
from protonet.graph import Graph
from protonet.graph.difference import Change, differences
from protonet.plain import plain


def _both_phases(command: Any) -> Any:
    """The options of a net, of which --phase now may be left out."""
    command = net_options(command)
    for option in command.__click_params__:
        if option.name == "phase":
            option.default, option.show_default = None, False
            option.help = "Compare one phase. [both]"
    return command


@click.command()
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@_both_phases
def command(before: str, after: str, style: str, phase: str | None, **options: Any) -> None:
    """Tell what changed from BEFORE to AFTER in the net, not in the text.

    \b
    protonet diff old.prototxt new.prototxt
    protonet diff a.prototxt b.prototxt --phase TRAIN --format json

    Layers that came, went or are called otherwise, their fields, what they read, output shapes and
    parameters. The form of the file, the order of layers, the names of blobs and defaults that are
    stated make no difference. Exit code 0 where the nets are the same, 1 where they differ.
    """
    options["shapes"] = dict(options["shapes"])
    found: dict[Change, list[str]] = {}
    phases = [phase.upper()] if phase else ["TRAIN", "TEST"]
    for one in phases:
        graphs = [_graph(path, one, options) for path in (before, after)]
        for change in differences(*graphs):
            found.setdefault(change, []).append(one)
    rows = [(change, "" if seen == phases else seen[0]) for change, seen in found.items()]
    if style == "json":
        changes = [{**asdict(change), "phase": only or None} for change, only in rows]
        click.echo(json.dumps({"same": not rows, "changes": changes}, indent=2))
    else:
        click.echo("\n".join(_lines(rows)) if rows else "the nets are the same")
    raise click.exceptions.Exit(1 if rows else 0)


def _graph(path: str, phase: str, options: dict[str, Any]) -> Graph:
    """The graph of one phase; an empty one where the file has no layers in it."""
    from protonet import api
    from protonet.schema.select import select

    loaded = api.read(path)
    kept = select(loaded, phase, options["stages"], options["level"]).message.layer
    if len(loaded.message.layer) and not len(kept):
        return Graph(loaded.message.name, phase)
    return api.graph(path, phase, **options)


_LONGEST = 120
_SIGNS = {"removed": "-", "added": "+", "renamed": "=", "changed": "~", "total": "~"}


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
