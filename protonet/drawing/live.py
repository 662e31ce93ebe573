"""What the page asks of `protonet view`: the net of a text, its problems, its PyTorch, the file."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from protonet.api import graph_of
from protonet.checking import check
from protonet.diagnostics import NetError, Source
from protonet.drawing.compose import Style
from protonet.drawing.emitted import emitted
from protonet.drawing.page import payload
from protonet.files import write_whole
from protonet.schema.load import open_source
from protonet.selection import Selection

_STEP, _LONGEST = 0.25, 20.0  # seconds between looks at the file, and until a page asks again


@dataclass
class Session:
    """One file under the eyes of a page."""

    path: str
    selection: Selection
    style: Style

    def first(self) -> dict[str, Any]:
        """What the page starts with."""
        text = self.text()
        answer = self.check(text, "collapsed" if self.style.collapse else "full")
        empty = {"name": Path(self.path).name, "phase": "", "boxes": [], "views": _NOTHING}
        return {
            "collapsed": self.style.collapse,
            **(answer["net"] or empty),
            "torch": None,
            "live": True,
            "errors": answer["errors"],
            "file": self.path,
            "text": text,
            "version": self.version(),
        }

    def text(self) -> str:
        """The file's text, line ends as the browser has them."""
        return open_source(self.path).text.replace("\r\n", "\n")

    def version(self) -> str:
        """A mark of what the file holds, "" where it can't be read."""
        try:
            return hashlib.sha256(Path(self.path).read_bytes()).hexdigest()[:16]
        except OSError:
            return ""

    def check(self, text: str, view: str) -> dict[str, Any]:
        """The problems of a text and, where it has none, its net."""
        source = Source(self.path, text)
        try:
            errors = check(source)
            net = None
            if not errors:
                style = replace(self.style, collapse=view != "full")
                net = payload(graph_of(source, self.selection), style)
        except NetError as error:
            errors, net = list(error.all), None
        return {"errors": [_row(error) for error in errors], "net": net}

    def torch(self, text: str) -> dict[str, Any]:
        """The lines of PyTorch of each layer."""
        source = Source(self.path, text)
        try:
            return {"torch": emitted(source, graph_of(source, self.selection), self.selection)}
        except NetError as error:
            return {"error": error.message}

    def changes(self, version: str) -> dict[str, Any]:
        """Wait until the file is not that version any more, some seconds at most."""
        until = time.monotonic() + _LONGEST
        seen = self.mark()
        current = self.version()
        while current == version and time.monotonic() < until:
            time.sleep(_STEP)
            if self.mark() != seen:
                seen, current = self.mark(), self.version()
        if current == version:
            return {"version": version}
        try:
            return {"version": current, "text": self.text()}
        except NetError as error:
            return {"version": current, "error": error.message}

    def mark(self) -> tuple[int, int, int]:
        """What changes with every writing of the file, and costs no reading."""
        try:
            found = os.stat(self.path)
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino

    def save(self, text: str, version: str) -> dict[str, Any]:
        """Write the file, whole or not at all, where it still is what the page has read."""
        if self.version() != version:
            return {"error": "not saved: the file has changed on disk meanwhile"}
        try:
            was = Path(self.path).read_bytes()
            if b"\r\n" in was:
                text = text.replace("\n", "\r\n")
            if not _is_utf8(was):
                return {"error": "not saved: the file is not in UTF-8"}
            write_whole(self.path, text)
        except OSError as error:
            return {"error": f"not saved: {error.strerror or error}"}
        return {"version": self.version()}


_NOTHING = {
    name: {"svg": "", "width": 1, "height": 1, "caption": "", "across": False, "runs": 0}
    for name in ("collapsed", "full")
}


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _row(error: NetError) -> dict[str, Any]:
    """A problem; offsets as JavaScript counts them, in UTF-16 units."""
    row = {"message": error.message, "hint": error.hint or "", "line": 0, "column": 0}
    span = error.span
    if span is None:
        return {**row, "start": 0, "end": 0}
    before = span.source.text[: span.start]
    start = _units(before)
    inside = _units(span.source.text[span.start : span.end])
    return {**row, "line": span.line, "column": span.column, "start": start, "end": start + inside}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
