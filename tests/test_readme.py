"""What README.md shows side by side, its first command, CONTRIBUTING.md's layer; links.

The other blocks are run with those of docs/, in tests/pages.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import protonet
from protonet.layers import REGISTRY
from protonet.schema import pool

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(text, language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return ["\n".join(s[len(i) :] for s in block.split("\n")) for i, block in found]


def test_the_prototxt_becomes_the_python_beside_it():
    (prototxt,) = blocks(README, "protobuf")
    assert blocks(README, "python")[0].strip() in protonet.emit(prototxt)


def test_the_first_command_trains_a_solver_that_is_there():
    (solver,) = re.findall(r"&& protonet train (\S+)$", blocks(README, "console")[0], re.MULTILINE)
    assert (ROOT / solver).is_file()
    assert f"timeout 120 protonet train {solver}" in (ROOT / ".ci" / "run").read_text()


def test_the_guide_adds_a_layer(tmp_path):
    (code,) = blocks(GUIDE, "python")
    path = tmp_path / "pixel_unshuffle.py"
    path.write_text(code)
    try:
        exec(compile(code, str(path), "exec"), {})
        (example,) = REGISTRY["PixelUnshuffle"].examples
        net = 'input: "x" input_shape { dim: 2 dim: 6 dim: 4 dim: 4 } ' + example.prototxt
        assert example.emits in protonet.emit(net, faithful=True)
    finally:
        REGISTRY.pop("PixelUnshuffle", None)
        pool._added.pop("pixel_unshuffle_param", None)
        pool._pool.cache_clear()
        pool._classes.clear()


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 120
