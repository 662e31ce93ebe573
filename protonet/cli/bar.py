"""A progress bar on stderr, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from protonet.data.progress import HIDDEN
from protonet.plain import plain


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar of ``total`` steps; what it gives counts one on."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = HIDDEN.get() or not console.is_terminal
    with Progress(console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(escape(plain(title)), total=total)
        yield lambda: progress.advance(task)
