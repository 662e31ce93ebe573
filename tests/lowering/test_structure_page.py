"""docs/structure.md shows what is emitted today."""

from __future__ import annotations

from pathlib import Path

import pytest
from structure_page import LONGEST, NETS, flat_lines, page

PAGE = Path(__file__).parents[2] / "docs" / "structure.md"


def test_the_page_is_fresh():
    assert page() == PAGE.read_text(encoding="utf-8"), "run tests/lowering/structure_page.py"


def test_the_page_has_a_sentence_for_each_net():
    assert len(NETS) == 12
    assert all(text.endswith(".") and text.count(". ") == 0 for text in NETS.values())


@pytest.mark.slow
def test_the_longest_net_is_as_long_as_the_page_says():
    assert flat_lines("resnet1202_cifar") == LONGEST
