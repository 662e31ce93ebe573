"""Emitted files pass `ruff check` with its default rules, and `ruff format`, as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import protonet
from protonet.api import lowered
from protonet.program.source import source
from protonet.selection import Selection

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
LAYERS = ROOT / "tests" / "golden" / "layers"
MANIFEST = json.loads((LAYERS / "manifest.json").read_text())
NETS = ("lenet", "googlenet", "resnet20_cifar", "densenet121", "xception", "mobilenet_v2")
FORMS = ({}, {"flat": True}, {"faithful": True})


def ruff(*arguments):
    command = [sys.executable, "-m", "ruff", *map(str, arguments), "--isolated", "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def write(folder, name, net, phase="TEST", shapes=None):
    for number, form in enumerate(FORMS):
        text = protonet.emit(net, phase, shapes=shapes, **form)
        (folder / f"{name}_{number}.py").write_text(text)


def test_reviewed_files():
    ruff("check", *CASES.glob("*.py"))


def test_nets_of_the_zoo(tmp_path):
    zoo = ROOT / "zoo_prototxt"
    for net in NETS:
        write(tmp_path, net, zoo / net / "deploy.prototxt")
    shapes = {"data": (2, 1, 28, 28), "label": (2,)}
    write(tmp_path, "lenet_train", zoo / "lenet" / "train_val.prototxt", "TRAIN", shapes)
    made = lowered(zoo / "lenet" / "deploy.prototxt", Selection(faithful=True))
    (tmp_path / "weights.py").write_text(source(made.program, "lenet.safetensors"))
    ruff("check", tmp_path)
    ruff("format", "--check", tmp_path)


@pytest.mark.parametrize("part", range(2))
def test_every_layer_that_was_measured(part, tmp_path):
    for name in sorted(MANIFEST)[part::2]:
        write(tmp_path, name, LAYERS / f"{name}.prototxt", MANIFEST[name]["phase"])
    ruff("check", tmp_path)
    ruff("format", "--check", tmp_path)
