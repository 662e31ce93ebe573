"""What stands for a net on the command line: a path, a name of the zoo, or - for stdin."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from protonet.diagnostics import Source
from protonet.schema.load import Readable, decoded, defined
from protonet.schema.named import known_names
from protonet.text.placeholders import NAME

STDIN = "<stdin>"
_TAKEN = "protonet.stdin"
_DEFINE = "protonet.define"


class NetOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A net or a solver: a path or a name as it stands, - as the text of stdin.

    With --define the text of a file whose placeholders are filled, under the file's name.
    """

    name = "net"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Source:
        if value != "-":
            return value if isinstance(value, Source) else filled(str(value), ctx)
        meta: dict[str, Any] = ctx.meta if ctx else {}
        if ctx and ctx.resilient_parsing:  # a shell asks what may follow, and gives no text
            return "-"
        if meta.setdefault(_TAKEN, False):
            self.fail("stdin can be read once: - stands for one net only", param, ctx)
        meta[_TAKEN] = True
        text = defined(decoded(STDIN, sys.stdin.buffer.read()), meta.get(_DEFINE))
        assert isinstance(text, Source)
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Definitions and folders here, and the names of the zoo."""
        found = [*completed(incomplete, (".prototxt",))]
        found += [name for name in known_names() if name.startswith(incomplete)]
        if not found:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(name) for name in found]


class FileOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A path as text, of which a shell completes names with some endings."""

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Files with these endings and folders; of several with commas the last one."""
        before, comma, last = incomplete.rpartition(",")
        found = completed(last, self.suffixes)
        return [CompletionItem(before + comma + path) for path in found] or [
            CompletionItem(incomplete, type="file")
        ]


NET = NetOption()
WEIGHTS = FileOption(".caffemodel", ".h5", ".hdf5", ".safetensors", ".pt", ".pth")


def filled(path: str, ctx: click.Context | None) -> str | Source:
    """A file with the values of --define in its placeholders; a folder or a name as it is."""
    define = ctx.meta.get(_DEFINE) if ctx else None
    if not define or not os.path.isfile(path) or path.endswith(WEIGHTS.suffixes):
        return path
    text = defined(path, define)
    assert isinstance(text, Source)
    return text


def definable(command: click.Command) -> click.Command:
    """A command that takes --define where it takes a net, and its subcommands with it."""
    known = [option.name for option in command.params]
    if "define" not in known and any(o.type is NET for o in command.params):
        command.params.append(
            click.Option(
                ["--define"],
                metavar="NAME=VALUE",
                multiple=True,
                is_eager=True,
                expose_value=False,
                callback=_define,
                help="Put a value in place of $NAME$ in a template. May be repeated.",
            )
        )
    for inner in getattr(command, "commands", {}).values():
        definable(inner)
    return command


def _define(ctx: click.Context, option: click.Parameter, given: tuple[str, ...]) -> None:
    """Keep what is defined for the nets, which are read after it."""
    values = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not NAME.fullmatch(name):
            what = f"{one!r} defines nothing; write it as WIDTH=640"
            raise click.BadParameter(what, ctx, option)
        values[name] = value
    ctx.meta[_DEFINE] = values


def completed(incomplete: str, suffixes: Sequence[str]) -> list[str]:
    """Files of some kinds and folders that begin so; the insides of a folder that is alone.

    A shell puts a blank behind the only thing that it can complete, so a folder is never that.
    """
    found = list(_entries(incomplete, suffixes))
    while len(found) == 1 and found[0].endswith("/"):
        inside = list(_entries(found[0], suffixes))
        if not inside:
            return found
        found = inside
    return found


def _entries(incomplete: str, suffixes: Sequence[str]) -> Iterator[str]:
    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder + slash) or "."), key=_name)
    except OSError:
        return
    for entry in entries:
        hidden = entry.name.startswith(".") and not start
        if hidden or not entry.name.startswith(start):
            continue
        if entry.is_dir():
            yield f"{folder}{slash}{entry.name}/"
        elif entry.name.endswith(tuple(suffixes)):
            yield f"{folder}{slash}{entry.name}"


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def shown(net: Readable) -> str:
    """What a person knows a net by."""
    return net.name if isinstance(net, Source) else str(net)


def choices(known: Callable[[], Sequence[str]]) -> Callable[..., list[CompletionItem]]:
    """A completion by words that are known once they are asked for, in any case."""

    def complete(_context: Any, _parameter: Any, incomplete: str) -> list[CompletionItem]:
        start = incomplete.lower()
        return [CompletionItem(word) for word in known() if word.lower().startswith(start)]

    return complete
