"""protonet fmt: canonical prototxt."""

from __future__ import annotations

from pathlib import Path

import click

from protonet.cli.nets import NET, shown
from protonet.cli.options import plugin_option
from protonet.cli.talk import say
from protonet.diagnostics import NetError, Source, raise_all
from protonet.files import write_whole
from protonet.plain import plain
from protonet.schema.load import Loaded, load_any
from protonet.text.format import format_text
from protonet.text.parse import parse


@click.command()
@click.argument("files", nargs=-1, required=True, type=NET)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where it would.")
@click.option("--write", "in_place", is_flag=True, help="Replace the files.")
@plugin_option
def command(files: tuple[str | Source, ...], only_check: bool, in_place: bool) -> None:
    """Print FILES, nets or solvers, in canonical form; comments and meaning are kept."""
    if only_check and in_place:
        raise click.UsageError("--check and --write exclude each other")
    changed = 0
    for file in files:
        loaded = load_any(file)
        raise_all(loaded.errors)
        text = formatted(loaded).encode(loaded.encoding)
        differs = text != _bytes(file)
        changed += differs
        if only_check and differs:
            click.echo(plain(f"{shown(file)}: would be rewritten"))
        elif in_place and differs:
            write_whole(_path(file), text)
            say(f"{shown(file)}: rewritten")
        elif not only_check and not in_place:
            click.echo(text, nl=False)
    raise click.exceptions.Exit(1 if only_check and changed else 0)


def _bytes(file: str | Source) -> bytes:
    """A file as it is; a name of the zoo has no file that would be looked at or written."""
    if isinstance(file, Source):
        return file.text.encode(file.encoding)
    return Path(file).read_bytes() if Path(file).exists() else b""


def _path(file: str | Source) -> str:
    if isinstance(file, Source) or not Path(file).exists():
        raise NetError(f"{shown(file)} is no file that could be rewritten")
    return file


def formatted(loaded: Loaded) -> str:
    """The canonical text of what was read."""
    assert loaded.source is not None
    return format_text(parse(loaded.source))
