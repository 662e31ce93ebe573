"""protonet check: every problem, each with its place."""

from __future__ import annotations

import json
from typing import Any

import click

from protonet.api import check_any
from protonet.cli.options import plugin_option
from protonet.diagnostics import NetError
from protonet.schema.load import load_any


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one list, for editors.",
)
@plugin_option
def command(files: tuple[str, ...], style: str) -> None:
    """List every problem of nets and solvers, each with its place.

    Exit code 0 where all FILES are right, 1 where one is not.
    """
    found: list[tuple[str, NetError]] = []
    for file in files:
        problems = check_any(file) or _settings(file)
        found += [(file, problem) for problem in problems]
        if style == "text" and not problems:
            click.echo(f"{file}: fine")
    if style == "json":
        click.echo(json.dumps([_row(file, problem) for file, problem in found], indent=2))
    else:
        for _, problem in found:
            click.echo(str(problem))
        if found:
            click.echo(f"{len(found)} problem{'s' if len(found) > 1 else ''}", err=True)
    raise click.exceptions.Exit(1 if found else 0)


def _settings(file: str) -> list[NetError]:
    """The problems of a solver's settings, where a file that reads well is one."""
    if load_any(file).message.DESCRIPTOR.name != "SolverParameter":
        return []
    from protonet.training.plan import check_settings

    return check_settings(file)


def _row(file: str, problem: NetError) -> dict[str, Any]:
    row: dict[str, Any] = {"file": file, "message": problem.message, "hint": problem.hint}
    if problem.span:
        line, column = problem.span.source.position(problem.span.start)
        end_line, end_column = problem.span.source.position(problem.span.end)
        row |= {"line": line, "column": column, "end_line": end_line, "end_column": end_column}
    return row
