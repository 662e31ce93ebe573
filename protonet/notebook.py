"""A progress bar in a notebook: one line of HTML that is written anew, with no widgets."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

_EVERY = 0.2


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, where stderr is no terminal."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return hasattr(shell, "kernel")


class NotebookBar:
    """A bar with a title, a count and some words behind it; it stays as it was last shown."""

    def __init__(self, title: str, total: int | None, done: int = 0) -> None:
        self.title, self.total = title, total
        self._done, self._words, self._began, self._first = done, "", time.monotonic(), done
        self._shown = 0.0
        self._handle: Any = None
        self.show()

    def reach(self, done: int, words: str = "") -> None:
        """So many steps are done; it is shown where the last time is a while ago."""
        self._done, self._words = done, words
        if done == self.total or time.monotonic() - self._shown >= _EVERY:
            self.show()

    def show(self) -> None:
        """Show what is done by now."""
        from IPython.display import HTML, display

        self._shown = time.monotonic()
        shown = HTML(self.text())
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def text(self) -> str:
        """The bar as HTML: what it says, and what is left in seconds."""
        total = self.total
        bar = f'<progress value="{self._done}" max="{total}"></progress>' if total else ""
        count = f"{self._done:,}/{total:,}" if total else f"{self._done:,}"
        words = " ".join(filter(None, (count, self._words, self._left())))
        title, words = (html.escape(text) for text in (self.title, words))
        return f"<div style='font-family: monospace'>{title} {bar} {words}</div>"

    def _left(self) -> str:
        passed, steps = time.monotonic() - self._began, self._done - self._first
        if not self.total or not steps or self._done >= self.total:
            return ""
        minutes, seconds = divmod(round(passed / steps * (self.total - self._done)), 60)
        return f"{minutes}:{seconds:02} left"
