"""A thousand damaged files of every binary kind: read, or refused in one error."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children with limits, by fork")

if sys.platform == "linux":
    from binary import made, run
    from binary_kinds import KINDS
else:
    KINDS = {}

CASES = 48


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(kind):
    """And whole ones, of seeds below 0, are read."""
    whole = len(made(kind))
    assert run(kind, range(-whole, 0)).read == whole
    report = run(kind, range(CASES))
    assert not report.finds, "\n".join(f"seed {seed}: {what}" for seed, what in report.finds)
    assert report.read + report.refused == CASES
