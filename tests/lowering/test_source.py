"""The emitted source: golden texts of real nets, and files that stand alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import protonet

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
CASES = {
    "lenet.py": ("lenet/deploy", {}),
    "alexnet.py": ("alexnet/deploy", {}),
    "alexnet_train.py": ("alexnet/train_val", {"phase": "TRAIN"}),
    "alexnet_test.py": ("alexnet/train_val", {}),
    "googlenet.py": ("googlenet/deploy", {}),
    "resnet50.py": ("resnet50/deploy", {}),
    "lenet5.py": ("lenet5/deploy", {}),
    "vgg16.py": ("vgg16/deploy", {}),
    "resnet20_cifar.py": ("resnet20_cifar/deploy", {}),
    "mobilenet_v2.py": ("mobilenet_v2/deploy", {}),
    "aspp.py": ("teaching/aspp", {}),
    "resnet50_faithful.py": ("resnet50/deploy", {"faithful": True}),
}


def run_alone(path, *flags):
    command = [sys.executable, "-I", *flags, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("case", sorted(CASES))
def test_source_is_as_reviewed(case, golden):
    name, options = CASES[case]
    golden(case, protonet.emit(ZOO / f"{name}.prototxt", **options))


def test_the_same_net_gives_the_same_bytes():
    path = ZOO / "googlenet" / "deploy.prototxt"
    assert protonet.emit(path) == protonet.emit(path)


def test_golden_sources_are_formatted():
    cases = [str(Path(__file__).parents[1] / "cases" / case) for case in CASES]
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", *cases]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("case", "printed"),
    [("lenet.py", "(64, 10)\n"), ("googlenet.py", "(10, 1000)\n"), ("resnet50.py", "(1, 1000)\n")],
)
def test_a_file_runs_alone(case, printed):
    done = run_alone(Path(__file__).parents[1] / "cases" / case)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_a_file_imports_only_torch_and_math():
    for case in CASES:
        text = (Path(__file__).parents[1] / "cases" / case).read_text()
        imports = [s for s in text.splitlines() if s.startswith(("import", "from"))]
        allowed = {"import math", "import torch", "import torch.nn.functional as F"}
        assert set(imports) <= allowed | {"from torch import nn"}
