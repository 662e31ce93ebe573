"""Random nets in which blocks repeat: in blocks they compute what they do in one class."""

from __future__ import annotations

import random
import re

import pytest
from agreement import difference
from text_nets import random_net
from text_repeats import repeating_net

import protonet

PARTS = 10  # for tests that run beside each other
REPEATING, OTHERS = 70, 30

pytestmark = pytest.mark.filterwarnings("ignore::protonet.diagnostics.NetWarning")


def text_of(seed):
    """A net of a seed."""
    draw = random.Random(seed)
    return repeating_net(draw) if seed % 100 < REPEATING else random_net(draw)


def finds(seeds):
    found = []
    for seed in seeds:
        trains = seed % 2 and seed % 100 < REPEATING  # not every layer can
        what = difference(text_of(seed), "TRAIN" if trains else "TEST")
        found += [f"{seed}: {what}"] if what else []
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_nets(part):
    assert not finds(range(part, REPEATING + OTHERS, PARTS))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(100))
def test_more_nets(part):
    assert not finds(range(1000 + part, 6000, 100))


def test_blocks_are_found_in_some():
    classes = [
        len(re.findall(r"^class ", protonet.emit(text_of(seed), flat=flat), re.MULTILINE))
        for seed in range(12)
        for flat in (False, True)
    ]
    assert sum(classes[::2]) > sum(classes[1::2]) + 3
