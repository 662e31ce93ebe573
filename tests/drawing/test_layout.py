"""The layout: nothing overlaps, everything flows down, the least-squares step is one."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import SIAMESE, ZOO, densenet, resnet152, resnet_cifar

from protonet.api import graph
from protonet.drawing.compose import Style, compose
from protonet.drawing.layout import Link, layered
from protonet.drawing.order import crossings
from protonet.drawing.place import spaced

NETS = {
    "googlenet": ZOO / "googlenet" / "deploy.prototxt",
    "resnet152": resnet152(),
    "densenet": densenet(),
    "siamese": SIAMESE,
    "cifar": resnet_cifar(56),
}


def overlap(a, b):
    apart_x = a.x + a.width <= b.x or b.x + b.width <= a.x
    apart_y = a.y + a.height <= b.y or b.y + b.height <= a.y
    return not (apart_x or apart_y)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("collapse", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_cards_do_not_overlap_and_stay_on_the_page(name, collapse, across):
    figure = compose(graph(NETS[name]), Style(collapse=collapse, across=across), layered)
    for a, b in itertools.pairwise(sorted(figure.cards, key=lambda c: (c.y, c.x))):
        assert not overlap(a, b)
    if len(figure.cards) < 120:
        assert not any(overlap(a, b) for a, b in itertools.combinations(figure.cards, 2))
        assert not any(overlap(a, b) for a, b in itertools.combinations(figure.frames, 2))
    for card in (*figure.cards, *figure.frames):
        assert card.x >= 0
        assert card.y >= 0
        assert card.x + card.width <= figure.width
        assert card.y + card.height <= figure.height


def test_a_figure_collapsed_holds_each_kind_of_box_once():
    full = compose(graph(NETS["resnet152"]), Style(collapse=False), layered)
    short = compose(graph(NETS["resnet152"]), Style(), layered)
    assert [frame.badge for frame in short.frames] == ["× 3", "× 8", "× 36", "× 3"]
    assert len(full.cards) == 1 + 1 + 1 + 50 * 4 + 4 + 1 + 1 + 1
    assert len(short.cards) == 6 + 4 * 4
    assert short.height < 2400


def test_wires_run_straight_down_a_chain():
    figure = compose(graph(ZOO / "lenet" / "deploy.prototxt"), Style(), layered)
    assert len({round(x, 3) for wire in figure.wires for x, _ in wire.points}) == 1


graphs = st.integers(2, 14).flatmap(
    lambda n: st.lists(
        st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1]),
        max_size=30,
        unique=True,
    ).map(lambda links: (n, links))
)


@settings(max_examples=60, deadline=None)
@given(graphs)
def test_any_graph_flows_down_without_overlaps(drawn):
    count, pairs = drawn
    sizes = [(40.0 + 7 * (i % 5), 20.0 + 3 * (i % 4)) for i in range(count)]
    layout = layered(sizes, [Link(a, b) for a, b in pairs], 20.0)
    for (a, b), route in zip(pairs, layout.routes, strict=True):
        assert layout.middles[a][1] < layout.middles[b][1]
        ys = [y for _, y in route]
        assert ys == sorted(ys)
    for a, b in itertools.combinations(range(count), 2):
        (ax, ay), (bx, by) = layout.middles[a], layout.middles[b]
        apart = abs(ax - bx) + 1e-6 >= (sizes[a][0] + sizes[b][0]) / 2
        assert apart or abs(ay - by) + 1e-6 >= (sizes[a][1] + sizes[b][1]) / 2


def test_crossings_are_counted():
    rng = random.Random(4)
    for _ in range(40):
        a, b = list(range(6)), list(range(6, 13))
        links = {(rng.choice(a), rng.choice(b)) for _ in range(14)}
        below = [[q for p, q in links if p == n] for n in range(13)]
        wanted = sum((p - r) * (q - s) < 0 for (p, q), (r, s) in itertools.combinations(links, 2))
        assert crossings([a, b], below) == wanted


def test_spacing_is_least_squares():
    """Against Dykstra's alternating projections, which need no pooling."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        n = int(rng.integers(2, 7))
        wanted, steps = rng.normal(0, 20, n), rng.uniform(1, 20, n - 1)
        weights = rng.uniform(0.2, 5, n)
        x, corrections = wanted.copy(), np.zeros((n - 1, n))
        for _ in range(4000):
            for i in range(n - 1):
                y = x - corrections[i]
                short = max(0.0, steps[i] - (y[i + 1] - y[i]))
                share = short / (1 / weights[i] + 1 / weights[i + 1])
                moved = y.copy()
                moved[i] -= share / weights[i]
                moved[i + 1] += share / weights[i + 1]
                corrections[i], x = moved - y, moved
        np.testing.assert_allclose(spaced(wanted, weights, steps), x, atol=1e-4)
