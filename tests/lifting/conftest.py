"""What torch.export does before it looks at a module is done once."""

from __future__ import annotations

import pytest
import torch_once


@pytest.fixture(scope="package", autouse=True)
def exports_quickly():
    with torch_once.patched(torch_once.operators):
        yield
