"""Every block of code in the documentation does what the page says."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from console import alike, commands, run
from fences import ROOT, before, blocks, held, pages
from given import GIVEN
from traces import forgetting, one_thread

from protonet.diagnostics import Source
from protonet.text.parse import parse

LANGUAGES = {"console", "python", "protobuf", "text", "toml"}
NOT_RUN = 8  # blocks that need what is not here; a new one takes a reason, and a place here


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.usefixtures("translations_once" if find_spec("onnxscript") else "operators_once")
@pytest.mark.parametrize("page", [p for p in pages() if not held(p)], ids=named)
def test_the_blocks_of_a_page_run(page, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with one_thread(), forgetting(tmp_path):
        Walk(request.config).through(page)


class Walk:
    """A page from its first block to its last, in one folder and one Python."""

    def __init__(self, config):
        self.slow = config.getoption("--slow")
        self.updates = config.getoption("--update-golden")
        self.names, self.printed, self.changes = {"__name__": "page"}, "", []

    def through(self, page):
        exec(before(page), self.names)
        try:
            for block in blocks(page):
                if "slow" in block.marks and not self.slow:
                    break
                if "not run" not in block.marks:
                    self._block(block)
        finally:
            self._write(page)

    def _block(self, block):
        for name in filter(None, block.marks.get("given", "").split(", ")):
            GIVEN[name](Path(name))
        {"console": self._console, "python": self._python, "text": self._text}.get(
            block.language, self._file
        )(block)

    def _console(self, block):
        made = ""
        for command, whole, shown in commands(block.text):
            output, code = run(command)
            assert code == ("fails" in block.marks), f"{block.place}: {command}\n{output}"
            made += f"$ {whole}{self._shown(block, command, shown, output)}"
        self._changed(block, made)

    def _python(self, block):
        if block.title:
            self._file(block)
            return
        if "alone" in block.marks:
            output, code = run(f"python -c {shlex.quote(block.text)}")
            assert code == 0, output
            return
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, block.place, "exec"), self.names)
        self.printed = printed.getvalue()

    def _text(self, block):
        if block.follows:
            self._changed(block, self._shown(block, "", block.text, self.printed))

    def _file(self, block):
        if block.language == "protobuf":
            parse(Source(block.place, block.text))
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.text, encoding="utf-8")

    def _shown(self, block, command, shown, output):
        """What the page is to show: what it shows, where that is what was given."""
        if not shown or alike(shown, output, "times" in block.marks):
            return shown
        if not self.updates:
            pytest.fail(f"{block.place}: {command}\nshown:\n{shown}\ngiven:\n{output}")
        return output

    def _changed(self, block, text):
        if text != block.text:
            self.changes.append((block.start, block.end, text))

    def _write(self, page):
        text = page.read_text(encoding="utf-8")
        for start, end, new in reversed(self.changes):
            text = text[:start] + new + text[end:]
        if self.changes and self.updates:
            page.write_text(text, encoding="utf-8")


def test_pages_that_are_held_elsewhere_are_there():
    for page in filter(held, pages()):
        assert page.name in (ROOT / held(page)).read_text(encoding="utf-8"), page


def test_every_block_has_a_language_that_is_run():
    for page in pages():
        for block in blocks(page):
            assert block.language in LANGUAGES, block.place
            assert block.language != "text" or block.follows, f"{block.place} is held by nothing"


def test_few_blocks_are_not_run_and_each_says_why():
    left = [block for page in pages() for block in blocks(page) if "not run" in block.marks]
    assert len(left) <= NOT_RUN
    for block in left:
        assert len(block.marks["not run"].split()) > 2, block.place
