"""Positions of feeds that no feed has left: refused, before numpy or memory are asked."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from protonet.data.order import Order
from protonet.data.random import Mark, Random


def shuffled():
    order = Order(10, 3)
    order.advance()
    return order


def packed(items):
    return base64.b64encode(zlib.compress(np.array(items, "<i8").tobytes())).decode()


def test_a_state_is_taken_up_again():
    one, other = shuffled(), Order(10, 99)
    other.go_to(one.mark().state())
    for _ in range(25):
        assert one.current == other.current
        one.advance()
        other.advance()


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": 10},
        {"position": -1},
        {"items": packed(range(9))},
        {"items": packed(range(11))},
        {"items": packed([0] * 10)},
        {"items": packed(np.zeros(1 << 24))},
        {"items": packed(range(10))[:20]},
        {"items": "é"},
        {"random": {"key": "", "position": 0}},
    ],
)
def test_orders_that_are_none(wrong):
    order = shuffled()
    before = order.mark().state()
    with pytest.raises((ValueError, zlib.error), match=r"order|item|base64|string|stream|words"):
        order.go_to({**before, **wrong})
    assert order.position == before["position"]


@pytest.mark.parametrize("place", [-1, 625, 10**9, -(10**9)])
def test_random_numbers_from_outside_of_their_words(place):
    with pytest.raises(ValueError, match=f"stand at {place} of 624 words"):
        Random(0).back_to(Mark(bytes(624 * 4), place))
