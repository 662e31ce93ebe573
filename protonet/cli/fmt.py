"""protonet fmt: canonical prototxt."""

from __future__ import annotations

from pathlib import Path

import click

from protonet.cli.options import plugin_option
from protonet.diagnostics import raise_all
from protonet.files import write_whole
from protonet.plain import plain
from protonet.schema.load import Loaded, load_any
from protonet.text.format import format_text
from protonet.text.parse import parse


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where it would.")
@click.option("--write", "in_place", is_flag=True, help="Replace the files.")
@plugin_option
def command(files: tuple[str, ...], only_check: bool, in_place: bool) -> None:
    """Print FILES, nets or solvers, in canonical form; comments and meaning are kept."""
    if only_check and in_place:
        raise click.UsageError("--check and --write exclude each other")
    changed = 0
    for file in files:
        loaded = load_any(file)
        raise_all(loaded.errors)
        text = formatted(loaded).encode(loaded.encoding)
        differs = text != Path(file).read_bytes()
        changed += differs
        if only_check and differs:
            click.echo(plain(f"{file}: would be rewritten"))
        elif in_place and differs:
            write_whole(file, text)
            click.echo(plain(f"{file}: rewritten"), err=True)
        elif not only_check and not in_place:
            click.echo(text, nl=False)
    raise click.exceptions.Exit(1 if only_check and changed else 0)


def formatted(loaded: Loaded) -> str:
    """The canonical text of what was read."""
    assert loaded.source is not None
    return format_text(parse(loaded.source))
