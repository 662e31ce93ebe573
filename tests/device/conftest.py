"""Tests on a GPU; PROTONET_TEST_DEVICE=cpu runs what does without one, to try the tests."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "training")]

DEVICE = os.environ.get("PROTONET_TEST_DEVICE", "cuda" if torch.cuda.is_available() else "")


@pytest.fixture(scope="session")
def device():
    if not DEVICE:
        pytest.skip("there is no CUDA device; PROTONET_TEST_DEVICE=cpu tries the tests without")
    return DEVICE


@pytest.fixture
def gpu(device):
    if device != "cuda":
        pytest.skip("only a GPU does this")
    return torch.device(device, torch.cuda.current_device())


@pytest.fixture(autouse=True)
def exact():
    """No TF32: what is compared to 1e-4 is computed in single precision."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def deterministic():
    """Kernels that add in a fixed order, as far as there are such."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    yield
    torch.backends.cudnn.deterministic = before


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def digits(folder):
    """LeNet's solver and nets of the zoo, with their data, to work in."""
    pytest.importorskip("lmdb")
    zoo = TESTS.parent / "zoo_prototxt"
    for name in ("lenet", "data"):
        shutil.copytree(zoo / name, folder / name)
    return folder / "lenet"
