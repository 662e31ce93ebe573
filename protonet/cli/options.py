"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from protonet.cli.nets import FileOption
from protonet.device import DEVICES
from protonet.diagnostics import NetError, Source
from protonet.schema.load import Readable
from protonet.selection import PHASES, Selection

C = TypeVar("C", bound=Callable[..., Any])


class ShapeOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``data=10x3x227x227`` as ("data", (10, 3, 227, 227))."""

    name = "BLOB=NxCxHxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, tuple[int, ...]]:
        blob, _, sizes = str(value).rpartition("=")
        try:
            shape = tuple(int(n) for n in sizes.split("x"))
        except ValueError:
            shape = ()
        if not blob or not shape or min(shape) < 1:
            self.fail(f"{value!r} is no shape; write it as data=10x3x227x227", param, ctx)
        return blob, shape


class SizeOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``256x340`` as (256, 340), height first, and ``256`` as a square."""

    name = "N|HxW"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        parts = str(value).lower().split("x")
        if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
            what = f"{value!r} is no size; write it as 256 or 256x340, height first"
            self.fail(what, param, ctx)
        return int(parts[0]), int(parts[-1])


def _load_plugins(context: click.Context, _option: Any, files: tuple[str, ...]) -> None:
    if context.resilient_parsing:  # a shell asks what may follow: no reason to run anything
        return
    from protonet.layers.plugins import load_file

    for file in files:
        load_file(file)


def _allow_python(_context: Any, _option: Any, allowed: bool) -> bool:
    if allowed and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return allowed


device_option = click.option("--device", type=click.Choice(DEVICES), default="auto")
allow_python_option = click.option(
    "--allow-python",
    is_flag=True,
    callback=_allow_python,
    help="Let Python layers run their classes, from here or PYTHONPATH.",
)
plugin_option = click.option(
    "--plugin",
    multiple=True,
    type=FileOption(".py"),
    callback=_load_plugins,
    expose_value=False,
    is_eager=True,
    help="Python file with layers of your own; it is run. May be repeated.",
)


_PHASE = click.Choice(PHASES, case_sensitive=False)
_PHASE_OPTION = click.option("--phase", type=_PHASE, default="TEST", show_default=True)
_ONE_PHASE_OPTION = click.option("--phase", type=_PHASE, help="Compare one phase. [both]")


def net_options(command: C) -> C:
    """Which net of a file is meant: the command is given it as ``selection``."""

    @wraps(command)
    def selecting(*arguments: Any, phase: str, **options: Any) -> Any:
        return command(*arguments, selection=_taken(options, phase), **options)

    return cast("C", _with_options(selecting, _PHASE_OPTION))


def both_nets_options(command: C) -> C:
    """The same for a command over both phases unless one is named: it is given ``selections``."""

    @wraps(command)
    def selecting(*arguments: Any, phase: str | None, **options: Any) -> Any:
        first, *more = (phase,) if phase else PHASES
        selection = _taken(options, first)
        selections = [selection, *(replace(selection, phase=other) for other in more)]
        return command(*arguments, selections=selections, **options)

    return cast("C", _with_options(selecting, _ONE_PHASE_OPTION))


def fast_options(command: C) -> C:
    """In which form a net runs: ``optimize`` and ``through_compile``."""
    optimize = click.option(
        "--optimize/--no-optimize",
        default=None,
        help="Fuse layers first, on the CPU. [where there is much to run]",
    )
    through = click.option(
        "--compile", "through_compile", is_flag=True, help="Run the net through torch.compile."
    )
    return optimize(through(command))


def _taken(options: dict[str, Any], phase: str) -> Selection:
    """The selection that options state, which are taken out."""
    stages, level, allowed = (options.pop(name) for name in ("stages", "level", "allow_python"))
    return Selection.of(phase, stages, level, dict(options.pop("shapes")), allowed)


def _with_options(command: C, phase: Callable[[C], C]) -> C:
    for option in (
        allow_python_option,
        plugin_option,
        click.option(
            "--shape",
            "shapes",
            type=ShapeOption(),
            multiple=True,
            help="Shape of an input, in place of the file's. May be repeated.",
        ),
        click.option("--level", default=0, show_default=True, help="Level for min_level rules."),
        click.option("--stage", "stages", multiple=True, help="Stage for rules. May be repeated."),
        phase,
    ):
        command = option(command)
    return command


def is_one_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file that is there."""
    return Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def refuse_own_input(net: Readable, output: str | None) -> None:
    """NetError where a result would take the place of the net that it is made from."""
    if output and is_one_file(output, net.name if isinstance(net, Source) else str(net)):
        raise NetError(f"{output} is the net itself; it would be lost", None, "name another file")
