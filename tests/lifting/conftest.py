"""What torch.export does before it looks at a module is done once."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="package", autouse=True)
def exports_quickly(operators_once):
    """For each test here."""
