"""protonet check: every problem, each with its place."""

from __future__ import annotations

import json
from typing import Any

import click

from protonet.checking import check_any
from protonet.cli.options import plugin_option
from protonet.diagnostics import NetError
from protonet.graph.meant import lacking
from protonet.plain import plain
from protonet.schema.load import load_any
from protonet.schema.upgrade import upgrade


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
@click.option(
    "--phase",
    type=click.Choice(["TRAIN", "TEST"], case_sensitive=False),
    help="The phase to look at; by default each that a file has data, a loss or an input for.",
)
@plugin_option
def command(files: tuple[str, ...], style: str, phase: str | None) -> None:
    """List every problem of nets and solvers, each with its place.

    Exit code 0 where all FILES are right, 1 where one is not.
    """
    found: list[tuple[str, NetError]] = []
    for file in files:
        unchecked: list[str] = []
        problems, note = check_any(file, phase, unchecked), ""
        if not problems:
            problems, note = _more(file, phase, unchecked)
        found += [(file, problem) for problem in problems]
        if style == "text" and not problems:
            click.echo(plain(f"{file}: fine{note}"))
            for what in unchecked:
                click.echo(plain(f"  not checked: {what}"))
    if style == "json":
        click.echo(json.dumps([_row(file, problem) for file, problem in found], indent=2))
    else:
        for _, problem in found:
            click.echo(str(problem))
        if found:
            click.echo(f"{len(found)} problem{'s' if len(found) > 1 else ''}", err=True)
    raise click.exceptions.Exit(1 if found else 0)


def _more(file: str, phase: str | None, unchecked: list[str]) -> tuple[list[NetError], str]:
    """Of a file that reads well: the problems of a solver's settings, or a note on a net.

    The note names the phases that the file holds no net for, and why.
    """
    loaded = load_any(file)
    if loaded.message.DESCRIPTOR.name == "SolverParameter":
        from protonet.training.plan import check_settings

        unchecked += _nets(loaded.message)
        return check_settings(file), ""
    lacks = {} if phase else lacking(upgrade(loaded))
    same = len(set(lacks.values())) == 1
    named = {" and ".join(lacks): next(iter(lacks.values()))} if same else lacks
    return [], "".join(f" (no net for {phases}: {why})" for phases, why in named.items())


def _nets(solver: Any) -> list[str]:
    """The nets of a solver, which are looked at on their own."""
    stated = [getattr(solver, name) for name in ("net", "train_net") if solver.HasField(name)]
    named = dict.fromkeys([*stated, *solver.test_net])
    notes = [f"the net {name!r}: give it to `protonet check`, too" for name in named]
    held = solver.HasField("net_param") or solver.HasField("train_net_param")
    return [*notes, "the net inside"] if held or len(solver.test_net_param) else notes


def _row(file: str, problem: NetError) -> dict[str, Any]:
    row: dict[str, Any] = {"file": file, "message": problem.message, "hint": problem.hint}
    if problem.span:
        line, column = problem.span.source.position(problem.span.start)
        end_line, end_column = problem.span.source.position(problem.span.end)
        row |= {"line": line, "column": column, "end_line": end_line, "end_column": end_column}
    return row
