"""A progress bar for long work, on stderr where that is a terminal, and in notebooks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from protonet.notebook import NotebookBar, in_notebook
from protonet.plain import plain

T = TypeVar("T")
# Whether a caller wants no bars.
HIDDEN: ContextVar[bool] = ContextVar("HIDDEN", default=False)


def tracked(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The items, with a bar that says how many have gone by and how long the rest will take."""
    if HIDDEN.get():
        yield from items
        return
    if in_notebook():
        below = NotebookBar(plain(what), total)
        for number, item in enumerate(items, 1):
            yield item
            below.reach(number)
        below.show()
        return
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        yield from bar.track(items, total=total, description=plain(what))
