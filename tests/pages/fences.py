"""The blocks of code of a page, and the marks that stand before them in its source.

    <!-- not run: REASON -->   the block needs what is not here
    <!-- slow: REASON -->      only with --slow, and what follows on the page as well
    <!-- given: FILE, ... -->  files that the block finds, made by given.py
    <!-- fails -->             the commands are to end with exit code 1
    <!-- times -->             the decimals that it shows are times
    <!-- alone -->             Python in a process of its own, since it changes this one
    <!-- held: FILE -->        a test of its own runs this page's blocks
    <!-- before: CODE -->      Python that goes before the page's own, wherever it stands

A block with a title is a file of that name. Text right behind Python is what it prints.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```(\w+)?([^\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_MARKS = re.compile(r"((?:<!-- [^>]*-->\s*)*)\Z")
_MARK = re.compile(r"<!-- (not run|slow|given|fails|times|alone)(?:: (.*?))? -->", re.DOTALL)
_BEFORE = re.compile(r"<!-- before: (.*?) -->")
_HELD = re.compile(r"<!-- held: (\S+) -->")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One block: where it is, its language, its title, its text, the marks before it."""

    page: Path
    start: int
    end: int
    language: str
    title: str
    text: str
    marks: dict[str, str]
    follows: bool

    @property
    def place(self):
        line = self.page.read_text(encoding="utf-8").count("\n", 0, self.start) + 1
        return f"{self.page.relative_to(ROOT)}:{line}"


def before(page):
    """The Python that goes before a page's own."""
    return "\n".join(_BEFORE.findall(page.read_text(encoding="utf-8")))


def held(page):
    """The test that runs a page's blocks in place of this folder's, or ""."""
    found = _HELD.search(page.read_text(encoding="utf-8"))
    return found[1] if found else ""


def pages():
    """Every page with code in it, but for the gallery's, which are made of files of the zoo."""
    listed = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "zoo_prototxt" / "README.md"]
    found = [*listed, *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if blocks(page)]


def blocks(page):
    """The blocks of a page, in their order."""
    text, made, last = page.read_text(encoding="utf-8"), [], 0
    for found in _FENCE.finditer(text):
        between = text[last : found.start()]
        marks = dict(_MARK.findall(_MARKS.search(between)[1]))
        title = _TITLE.search(found[3])
        body = textwrap.dedent(found[4])
        follows = bool(made) and not between.strip()
        where = (page, found.start(4), found.end(4))
        made.append(Block(*where, found[2] or "", title[1] if title else "", body, marks, follows))
        last = found.end()
    return made
