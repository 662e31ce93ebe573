"""What a command says beside its result: -q for errors alone, -v for details and times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from protonet.plain import plain

_KEY = "protonet.talk"


@dataclass
class Talk:
    """How much one call of the command says, and the times of its steps."""

    quiet: bool = False
    verbose: bool = False
    started: float = field(default_factory=time.perf_counter)
    steps: dict[str, float] = field(default_factory=dict)


def talk() -> Talk:
    """That of the command that runs; outside of one, what is usual."""
    context = click.get_current_context(silent=True)
    if context is None:
        return Talk()
    found: Talk = context.meta.setdefault(_KEY, Talk())
    return found


def say(text: str) -> None:
    """A line on stderr of what was done, unless -q."""
    if not talk().quiet:
        click.echo(plain(text), err=True)


def say_table(text: str) -> None:
    """Lines on stderr, whose names are plain already, unless -q."""
    if not talk().quiet:
        click.echo(text, err=True)


def detail(text: str) -> None:
    """Lines on stderr for who wants to know it all, with -v."""
    if talk().verbose:
        click.echo(text, err=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """A part of the work whose time -v tells."""
    start = time.perf_counter()
    try:
        yield
    finally:
        steps = talk().steps
        steps[name] = steps.get(name, 0.0) + time.perf_counter() - start


def tell_times() -> None:
    """With -v the time of each step, and of the command."""
    told = talk()
    total = time.perf_counter() - told.started
    parts = [f"{name} {seconds:.2f} s" for name, seconds in told.steps.items()]
    detail(f"time: {', '.join([*parts, f'{total:.2f} s in all'])}")


def _quieten(context: click.Context, _option: click.Parameter, given: bool) -> None:
    told = talk()
    if given and not told.quiet:
        from protonet.data.progress import HIDDEN  # every reader comes with it: not for --help

        told.quiet = True
        token = HIDDEN.set(True)
        context.find_root().call_on_close(lambda: HIDDEN.reset(token))
    _refuse_both(told)


def _tell_all(_context: click.Context, _option: click.Parameter, given: bool) -> None:
    told = talk()
    told.verbose = told.verbose or given
    _refuse_both(told)


def _refuse_both(told: Talk) -> None:
    if told.quiet and told.verbose:
        raise click.UsageError("--quiet and --verbose exclude each other")


def talking(command: click.Command) -> click.Command:
    """A command that takes -q and -v, and its subcommands with it."""
    if not any(option.name == "quiet" for option in command.params):
        common = {"is_flag": True, "expose_value": False, "is_eager": True}
        command.params += [
            click.Option(
                ["-q", "--quiet"], callback=_quieten, help="Say nothing but errors.", **common
            ),
            click.Option(
                ["-v", "--verbose"], callback=_tell_all, help="Say more, and the time.", **common
            ),
        ]
    for inner in getattr(command, "commands", {}).values():
        talking(inner)
    return command
