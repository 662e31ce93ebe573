"""The folder's own helpers are found by name; what is the same in every export is done once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="package", autouse=True)
def exports_quickly(translations_once):
    """For each test here."""
