"""The folder's own helpers are found by name; what is the same in every export is done once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch_once

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="package", autouse=True)
def exports_quickly():
    with torch_once.patched(torch_once.operators, torch_once.translations):
        yield
