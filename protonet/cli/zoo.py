"""protonet zoo: the classic nets, listed, shown and copied."""

from __future__ import annotations

from pathlib import Path

import click

from protonet.cli.nets import choices
from protonet.cli.talk import say
from protonet.diagnostics import NetError
from protonet.files import write_folder
from protonet.schema.named import known_names

_HEADS = ("net", "year", "input", "parameters", "multiply-adds", "activations", "depth")


class _Zoo(click.Group):
    """A group that is a command of its own where no subcommand is given."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            from protonet.diagnostics import did_you_mean

            hint = did_you_mean(args[0], self.commands) or "`protonet zoo` lists the nets"
            if args[0] in known_names():
                hint = f"to see a net: zoo show {args[0]}"
            raise click.UsageError(f"there is no command 'zoo {args[0]}'; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Zoo, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the classic nets, or show and copy one.

    \b
    protonet zoo                      every net: year, input, parameters, multiply-adds
    protonet zoo show resnet50        its paper, its figures, its recipe
    protonet zoo copy resnet50 DIR    its prototxts and README into the new folder DIR

    Figures are for one image: parameters that are learned, multiply-adds of a forward pass,
    activations that training keeps for the backward pass. `protonet compare` takes the names.
    """
    if context.invoked_subcommand is None:
        click.echo(_table())


def _table() -> str:
    from protonet.cli.table import size
    from protonet.layers.base import show
    from protonet.zoo.catalogue import ENTRIES, figures, teaching

    rows: list[tuple[str, ...]] = [_HEADS]
    for name, entry in ENTRIES.items():
        f = figures()[name]
        numbers = (f"{f['parameters']:,}", f"{f['multiply_adds']:,}", size(f["activations"]))
        shape = show(tuple(f["input"][1:]))
        rows.append((name, str(entry.paper.year), shape, *numbers, str(f["depth"])))
    small = ", ".join(name.partition("/")[2] for name in teaching())
    return f"{columns(rows, 3)}\n\nteaching/: {small}"


def columns(rows: list[tuple[str, ...]], texts: int) -> str:
    """Rows in aligned columns, the first ``texts`` to the left, a rule under the first row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        sides = [c.ljust(w) if i < texts else c.rjust(w) for i, (c, w) in enumerate(cells)]
        lines.append("  ".join(sides).rstrip())
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


@command.command()
@click.argument("name", shell_complete=choices(known_names))
def show(name: str) -> None:
    """Print the README of NAME: paper, what is new, figures, recipe."""
    from protonet.zoo.catalogue import deploy, files, teaching

    if name in teaching():
        click.echo(Path(deploy(name)).read_text(encoding="utf-8"), nl=False)
        return
    click.echo(files(name.rstrip("/"))["README.md"], nl=False)


@command.command()
@click.argument("name", shell_complete=choices(known_names))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def copy(name: str, folder: Path) -> None:
    """Copy NAME's prototxts and README into the folder DIR, which must not exist yet.

    The folder is there whole or not at all. `teaching` copies all the small nets. The digits that
    lenet and lenet5 train on stay where they are; the copy names their place.
    """
    from protonet.zoo.catalogue import files, with_data

    texts = with_data(files(name.rstrip("/")))
    if folder.exists() or folder.is_symlink():
        hint = "name a folder that does not exist yet"
        raise NetError(f"{folder} is there already; nothing was copied", None, hint)
    write_folder(folder, texts)
    say(f"{folder}: {', '.join(texts)}")
