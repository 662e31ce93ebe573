"""Names out of files as text that shows, on their way to a terminal, a log, a table, a board."""

from __future__ import annotations


def plain(text: str, longest: int = 0) -> str:
    """A text on one line, with every character that does not show as Python's repr escapes it.

    An escape sequence then moves no cursor, a line end begins no line, and what is no Unicode can
    be written. Longer than ``longest`` it is cut; 0 cuts nothing.
    """
    if text.isprintable():
        shown = text
    else:
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"{shown[: longest - 1]}…" if 0 < longest < len(shown) else shown
