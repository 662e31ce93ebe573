"""The emitted source: golden texts of real nets, and files that stand alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from one_process import run_alone

import protonet
from protonet.zoo.catalogue import deploy

CASES_FOLDER = Path(__file__).parents[1] / "cases"
ZOO = Path(__file__).parents[2] / "zoo_prototxt"
CASES = {
    "lenet.py": ("lenet/deploy", {}),
    "lenet5.py": ("lenet5/deploy", {}),
    "alexnet.py": ("alexnet/deploy", {}),
    "alexnet_train.py": ("alexnet/train_val", {"phase": "TRAIN"}),
    "alexnet_test.py": ("alexnet/train_val", {}),
    "vgg16.py": ("vgg16/deploy", {}),
    "googlenet.py": ("googlenet/deploy", {}),
    "inception_v3.py": ("inception_v3/deploy", {}),
    "resnet20_cifar.py": ("resnet20_cifar/deploy", {}),
    "resnet50.py": ("resnet50/deploy", {}),
    "resnet50_flat.py": ("resnet50/deploy", {"flat": True}),
    "resnet50_faithful.py": ("resnet50/deploy", {"faithful": True}),
    "resnext50.py": ("resnext50_32x4d/deploy", {}),
    "densenet121.py": ("densenet121/deploy", {}),
    "mobilenet_v1.py": ("mobilenet_v1/deploy", {}),
    "mobilenet_v2.py": ("mobilenet_v2/deploy", {}),
    "xception.py": ("xception/deploy", {}),
    "deeplabv3_os16.py": ("deeplabv3_os16/deploy", {}),
    "aspp.py": ("teaching/aspp", {}),
    "small_ssd.py": (CASES_FOLDER / "small_ssd", {}),
}
# Lines that are not blank, of files for use.
MOST = {
    "alexnet": 52, "deeplabv3_os16": 115, "densenet121": 75, "densenet201": 75, "googlenet": 75,
    "inception_v3": 160, "lenet": 24, "mobilenet_v1": 50, "mobilenet_v2": 65, "resnet50": 75,
    "resnet101": 75, "resnet152": 75, "resnext50_32x4d": 75, "vgg16": 50, "xception": 90,
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_source_is_as_reviewed(case, golden):
    name, options = CASES[case]
    golden(case, protonet.emit(ZOO / f"{name}.prototxt", **options))


@pytest.mark.slow
def test_the_longest_source_is_as_reviewed(golden):
    golden("resnet1202_cifar.py", protonet.emit(deploy("resnet1202_cifar")))


@pytest.mark.parametrize("name", MOST)
def test_a_source_is_short(name):
    assert lines(protonet.emit(ZOO / name / "deploy.prototxt")) <= MOST[name]


def lines(text):
    return sum(bool(line.strip()) for line in text.splitlines())


def test_the_same_net_gives_the_same_bytes():
    path = ZOO / "googlenet" / "deploy.prototxt"
    assert protonet.emit(path) == protonet.emit(path)


def test_golden_sources_are_formatted():
    cases = [str(path) for path in CASES_FOLDER.glob("*.py")]
    assert len(cases) > len(CASES)
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", *cases]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_file_runs_in_a_python_of_its_own():
    command = [sys.executable, "-I", str(CASES_FOLDER / "lenet.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "(64, 10)\n"), done.stderr


@pytest.mark.parametrize(
    ("case", "printed"), [("googlenet.py", "(10, 1000)\n"), ("resnet50.py", "(1, 1000)\n")]
)
def test_a_file_runs_alone(case, printed):
    assert run_alone(CASES_FOLDER / case) == printed


def test_a_file_imports_only_torch_and_math():
    for case in CASES:
        text = (CASES_FOLDER / case).read_text()
        imports = [s for s in text.splitlines() if s.startswith(("import", "from"))]
        allowed = {"import math", "import torch", "import torch.nn.functional as F"}
        assert set(imports) <= allowed | {"from torch import nn", "from torch import Tensor, nn"}
