"""What docs/images.md shows runs as it stands."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from found_nets import DETECTOR, SEGMENTER

import protonet
from protonet.cli import group

cv2 = pytest.importorskip("cv2")

PAGE = Path(__file__).parents[2] / "docs" / "images.md"
NET = """
name: "Net" input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 1000 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_every_block_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "net", None)  # so that the page's own is gone after it
    del sys.modules["net"]
    classes = {"net": NET, "ssd": DETECTOR.replace("output: 3", "output: 21")
               .replace("classes: 3", "classes: 21").replace("dim: 3 }", "dim: 21 }"),
               "fcn": SEGMENTER.replace("output: 3", "output: 21")}  # fmt: skip
    for name, text in classes.items():
        Path(f"{name}.prototxt").write_text(text)
        protonet.save(protonet.compile(text), f"{name}.caffemodel")
    Path("photos").mkdir()
    for name in ("cat.png", "street.png", "photos/a.png"):
        pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
        cv2.imwrite(name, pixels)
    lines = [line for block in blocks("console") for line in block.strip().splitlines()]
    assert len(lines) == 8
    for line in lines:
        arguments = shlex.split(line.removeprefix("$ protonet "))
        done = CliRunner().invoke(group, arguments, standalone_mode=False)
        assert done.exception is None, f"{line}: {done.exception}"
    for name in ("found.png", "places.png", "answers.csv", "pictures/a.png"):
        assert Path(name).stat().st_size > 0
    (code,) = blocks("python")
    scope = {}
    exec(code, scope)
    assert scope["scores"].shape == (1, 1000)
