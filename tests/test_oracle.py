"""Small nets measured on Caffe: each has the verdict that the table in their folder states."""

from __future__ import annotations

import pytest
from oracle import FOLDER, rows, verdict

ROWS = rows()


@pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "folded"])
@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_verdict_stands(name, faithful):
    phase, wanted = ROWS[name]
    assert verdict(name, phase, faithful=faithful) == wanted


def test_every_case_is_accounted_for():
    assert {path.stem for path in FOLDER.glob("*.prototxt")} == set(ROWS)
    assert {path.stem for path in FOLDER.glob("*.npz")} <= set(ROWS)
