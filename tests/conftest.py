"""What all tests share: golden texts, and the examples of the layers."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import torch_once

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "zoo_prototxt"

if "PYTEST_XDIST_WORKER" in os.environ:  # as many as there are cores, which they fill by themselves
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/cases")
    parser.addoption("--slow", action="store_true", help="run what is marked slow, too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: give --slow"))


def pytest_collection_finish():
    """What is imported by now stays to the end: the collector of cycles need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def operators_once():
    """For tests that export: what torch.export does before it looks at a module."""
    with torch_once.patched(torch_once.operators):
        yield


@pytest.fixture(scope="session")
def translations_once():
    """For tests that write ONNX files: the operators, and what they are in ONNX."""
    with torch_once.patched(torch_once.operators, torch_once.translations):
        yield


@pytest.fixture(scope="session")
def guards_unmeasured():
    """For tests that compile: the time of guards, which torch measures behind an empty cache."""
    with torch_once.patched(torch_once.guards):
        yield


@pytest.fixture
def golden(request):
    """A function that compares a text with tests/cases/NAME, or rewrites that file."""

    def compare(name, text):
        path = Path(__file__).parent / "cases" / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
