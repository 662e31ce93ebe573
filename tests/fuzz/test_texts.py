"""A thousand damaged texts and random right nets: every command ends well, and all agrees."""

from __future__ import annotations

import pytest
from text_contract import broken
from text_nets import found
from texts import KINDS, run

CASES = {"damage": 700, "damaged_nets": 150, "nets": 150}
PARTS = 10  # for tests that run beside each other

pytestmark = [
    pytest.mark.filterwarnings("ignore::protonet.diagnostics.NetWarning"),
    pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning"),
]


def test_every_kind_has_cases():
    assert set(CASES) == set(KINDS)
    assert sum(CASES.values()) == 1000


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", CASES)
def test_texts(kind, part):
    numbers = range(part, CASES[kind], PARTS)
    count, finds = run(kind, numbers)
    assert count == len(numbers)
    assert not finds, "\n".join(f"--kind {kind} --keep {seed}: {what}" for seed, what in finds)


@pytest.mark.parametrize("path", found(), ids=lambda path: path.stem)
def test_what_was_found_once(path):
    assert not broken(path.read_bytes().decode("utf-8", "replace"))
