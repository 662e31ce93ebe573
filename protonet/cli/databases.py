"""What the commands that make databases share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from protonet.cli.outputs import NewFile, refuse_other_kinds
from protonet.plain import plain

C = TypeVar("C", bound=Callable[..., Any])


def output_options(function: C) -> C:
    """The options of every command that makes a database."""
    for option in (
        click.option("--force", is_flag=True, help="Replace what is there."),
        click.option(
            "--backend",
            type=click.Choice(["lmdb", "leveldb"]),
            default="lmdb",
            show_default=True,
            help="Kind of database to write.",
        ),
        click.option(
            "-o",
            "--output",
            type=NewFile(folder=True, path_type=Path),
            required=True,
            help="The database to make, a folder.",
        ),
    ):
        function = option(function)
    return function


def write(
    output: Path, total: int, records: Iterator[tuple[bytes, bytes]], backend: str, force: bool
) -> int:
    """Write a database, with a bar, and say it on stdout; how many records it has."""
    from protonet.data.progress import tracked
    from protonet.data.writing import write_database

    refuse_other_kinds(output, "data", "a database", (), "a folder: -o train_lmdb")
    shown = tracked(records, output.name, total)
    count = write_database(output, shown, backend, force)
    click.echo(plain(f"{output}: {count:,} records"))
    return count
