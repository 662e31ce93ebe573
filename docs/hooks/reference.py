"""References that are made from the code: every command, every layer type, the API."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from click.testing import CliRunner

import protonet
from protonet.cli import group
from protonet.layers import REGISTRY


def commands() -> str:
    """Every command of ``protonet``: usage, what it does, its options."""
    context = click.Context(group, info_name="protonet")
    return "\n".join(_command(group, context, 2))


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    if level > 2 or command is not group:
        yield f"{'#' * level} {context.command_path}\n"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {pieces}\n```\n"
    yield from _help(command.help or "")
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            below = click.Context(child, info_name=name, parent=context)
            yield from _command(child, below, level + (command is not group))


def _help(text: str) -> Iterator[str]:
    """The paragraphs of a help text; those that click leaves as they are, as code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b"):
            yield paragraph + "\n"
            continue
        lines = paragraph.removeprefix("\b\n")
        yield f"```text\n{lines}\n```\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    rows = [row for row in (one.get_help_record(context) for one in options) if row]
    if rows:
        yield "| option | meaning |\n|---|---|"
        yield from (f"| `{names}` | {_cell(what)} |" for names, what in rows)
        yield ""


def _cell(text: str) -> str:
    """A text that stands in a table: a bar would end its cell."""
    return re.sub(r"([|\[\]<*_])", r"\\\1", " ".join(text.split()))


def layers() -> str:
    """Every layer type as ``protonet layers TYPE`` explains it."""
    return "\n".join(map(_layer, sorted(REGISTRY, key=str.lower)))


def _layer(name: str) -> str:
    shown = CliRunner().invoke(group, ["layers", name], catch_exceptions=False).output
    text = shown.partition("\n\n")[2].rstrip()
    return f"## {name}\n\n```text\n{text}\n```\n"


def api() -> str:
    """What ``protonet`` offers, one heading a name, for mkdocstrings to fill in."""
    classes = [name for name in protonet.__all__ if isinstance(getattr(protonet, name), type)]
    functions = [name for name in protonet.__all__ if name not in classes]
    first = "\n".join(f"::: protonet.{name}\n" for name in functions)
    members = "    options:\n      members: null\n"
    return first + "\n" + "\n".join(f"::: protonet.{name}\n{members}" for name in classes)
