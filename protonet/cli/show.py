"""protonet show: the table of a net."""

from __future__ import annotations

import click

from protonet.cli.options import net_options
from protonet.cli.table import table


@click.command()
@click.argument("net", type=click.Path())
@net_options
def command(
    net: str,
    phase: str,
    stages: tuple[str, ...],
    level: int,
    shapes: tuple[tuple[str, tuple[int, ...]], ...],
    allow_python: bool,
) -> None:
    """Print every layer of NET with its output shape, parameters and multiply-adds."""
    from protonet.api import graph

    click.echo(table(graph(net, phase, stages, level, dict(shapes), allow_python)))
