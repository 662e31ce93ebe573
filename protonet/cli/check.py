"""protonet check: every problem, each with its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from protonet.checking import check_any
from protonet.cli.nets import NET, filled, shown
from protonet.cli.options import plugin_option
from protonet.cli.problems import FORMATS
from protonet.cli.talk import say, talk
from protonet.diagnostics import NetError, Source
from protonet.graph.meant import lacking
from protonet.plain import plain
from protonet.schema.load import load_any
from protonet.schema.mistaken import OtherKind
from protonet.schema.upgrade import upgrade

_Wanted = tuple[str | Source, str]
_MANY = 8  # files from which on a bar shows how far it is


@dataclass
class _Checked:
    """What was found in one file; ``folder`` is the one that it was found in by itself."""

    file: str
    folder: str = ""
    problems: Sequence[NetError] = ()
    note: str = ""
    unchecked: list[str] = field(default_factory=list)
    is_other: bool = False


@click.command()
@click.argument("files", nargs=-1, required=True, type=NET)
@click.option(
    "--format",
    "style",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="json: one list, for editors; github: beside a pull request's lines; sarif: 2.1.0.",
)
@click.option(
    "--phase",
    type=click.Choice(["TRAIN", "TEST"], case_sensitive=False),
    help="The phase to look at; by default each that a file has data, a loss or an input for.",
)
@plugin_option
def command(files: tuple[str | Source, ...], style: str, phase: str | None) -> None:
    """List every problem of nets and solvers, each with its place.

    \b
    protonet check net.prototxt solver.prototxt
    protonet check models/                        # every .prototxt below it
    protonet check models/ --format sarif > problems.sarif

    Of a folder every .prototxt is looked at, but none in a hidden folder. Exit code 0 where all
    FILES are right, 1 where one is not.
    """
    wanted = [each for file in files for each in _expanded(file)]
    done: list[_Checked] = []
    try:
        for file, folder in _tracked(wanted) if len(wanted) > _MANY else wanted:
            done.append(_checked(file, folder, phase))
    except KeyboardInterrupt:
        say(f"interrupted after {len(done)} of {len(wanted)} files")
        _report(done, style)
        raise click.exceptions.Exit(130) from None
    raise click.exceptions.Exit(1 if _report(done, style) else 0)


def _tracked(wanted: Sequence[_Wanted]) -> Iterable[_Wanted]:
    from protonet.data.progress import tracked  # every reader comes with it

    return tracked(wanted, "checking")


def _expanded(file: str | Source) -> list[tuple[str | Source, str]]:
    """A file as it is, a folder as its definitions in their order, each with that folder."""
    if isinstance(file, Source) or not os.path.isdir(file):
        return [(file, "")]
    found = sorted(_definitions(file))
    if not found:
        raise NetError(f"there is no .prototxt in the folder {file}")
    context = click.get_current_context(silent=True)
    return [(filled(path, context), file) for path in found]


def _definitions(folder: str) -> Iterator[str]:
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        for name in names:
            if name.endswith(".prototxt"):
                yield os.path.join(place, name)


def _checked(file: str | Source, folder: str, phase: str | None) -> _Checked:
    unchecked: list[str] = []
    problems, note = check_any(file, phase, unchecked), ""
    other = len(problems) == 1 and isinstance(problems[0], OtherKind)
    if other and folder:
        return _Checked(shown(file), folder, is_other=True)
    more, note = ([], "") if other else _more(file, folder, phase, unchecked, problems)
    return _Checked(shown(file), folder, [*problems, *more], note, unchecked)


def _report(done: Sequence[_Checked], style: str) -> int:
    """Print what was found, and how much of it there is; the number of problems."""
    found = [(each.file, problem) for each in done for problem in each.problems]
    if style == "text" and not talk().quiet:
        for line in _fine(done):
            click.echo(plain(line))
    if found or style in ("json", "sarif"):
        click.echo(FORMATS[style](found))
    if found and style == "text":
        say(f"{len(found)} problem{'s' if len(found) > 1 else ''}")
    return len(found)


def _fine(done: Sequence[_Checked]) -> Iterator[str]:
    """A line for each file without a problem, and for each folder how many these are."""
    for each in done:
        if not each.problems and (talk().verbose or not each.folder):
            what = "passed over, it is neither a net nor a solver" if each.is_other else "fine"
            yield f"{each.file}: {what}{each.note}"
            yield from (f"  not checked: {what}" for what in each.unchecked)
    for folder in dict.fromkeys(each.folder for each in done if each.folder):
        yield _summary(folder, [each for each in done if each.folder == folder])


def _summary(folder: str, inside: Sequence[_Checked]) -> str:
    looked = [each for each in inside if not each.is_other]
    fine = sum(not each.problems for each in looked)
    told = f"{folder}: {fine} of {len(looked)} file{'s' if len(looked) != 1 else ''} fine"
    partly = sum(bool(each.unchecked) for each in looked if not each.problems)
    told += f", {partly} of them not to the end (-v tells why)" if partly else ""
    others = len(inside) - len(looked)
    return f"{told}; {others} passed over, neither nets nor solvers" if others else told


def _more(
    file: str | Source,
    folder: str,
    phase: str | None,
    unchecked: list[str],
    problems: Sequence[NetError],
) -> tuple[list[NetError], str]:
    """The problems of a solver's settings beside those of its text, or a note on a right net.

    The note names the phases that the file holds no net for, and why. A folder's nets are looked
    at beside its solvers.
    """
    try:
        loaded = load_any(file)
    except NetError:
        return [], ""
    if loaded.message.DESCRIPTOR.name == "SolverParameter":
        from protonet.training.plan import check_settings

        unchecked += [] if folder else _nets(loaded.message)
        return check_settings(loaded), ""
    lacks = {} if phase or problems else lacking(upgrade(loaded))
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
