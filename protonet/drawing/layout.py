"""A layered layout of our own, for where Graphviz is not.

The steps are those of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical
system structures", 1981: ranks, an order in each rank with few crossings, places, routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protonet.drawing.order import order
from protonet.drawing.place import places

Point = tuple[float, float]
_BETWEEN = 22.0  # pixels between neighbours of one rank
# Ranks passed by the links of a net, beyond which its longest ones go straight over what is there.
_PASSED, _PASSED_BY_ONE = 20_000, 20


@dataclass(frozen=True)
class Link:
    """An edge from one node to another that stands later; ports are offsets from their middles."""

    tail: int
    head: int
    tail_port: float = 0.0
    head_port: float = 0.0


@dataclass(frozen=True)
class Layout:
    """The middle of every node, the points that each link passes, and the size of it all.

    A route is straight from its first point to the second, then bends to the third, and so on in
    turn; the first and the last leg run along the direction of the drawing. Where ``smooth``, the
    points are those of Bezier curves.
    """

    middles: list[Point]
    routes: list[list[Point]]
    width: float
    height: float
    smooth: bool = False


def layered(sizes: Sequence[Point], links: Sequence[Link], gap: float) -> Layout:
    """Lay out nodes of these sizes from top to bottom, so much space between the ranks."""
    if not sizes:
        return Layout([], [], 0.0, 0.0)
    ranks = rank(len(sizes), links)
    net = _Layers(sizes, links, ranks)
    rows = order(net.rows, net.above, net.below)
    xs = places(rows, net.widths, net.above, net.below, len(sizes), _BETWEEN, net.bends)
    left = min(x - w / 2 for x, w in zip(xs, net.widths, strict=True))
    xs = [x - left for x in xs]
    tops, bottoms = _bands(rows, net.heights, gap)
    middles = [((xs[i]), (tops[ranks[i]] + bottoms[ranks[i]]) / 2) for i in range(len(sizes))]
    routes = [net.route(i, xs, middles, tops, bottoms) for i in range(len(links))]
    right = max(x + w / 2 for x, w in zip(xs, net.widths, strict=True))
    return Layout(middles, routes, right, bottoms[-1])


def rank(count: int, links: Sequence[Link]) -> list[int]:
    """The row of each node: below all that it reads; what only leads to it close above it."""
    above: list[set[int]] = [set() for _ in range(count)]
    below: list[set[int]] = [set() for _ in range(count)]
    for link in links:
        above[link.head].add(link.tail)
        below[link.tail].add(link.head)
    ranks = [0] * count
    for node in range(count):
        ranks[node] = max((ranks[a] + 1 for a in above[node]), default=0)
    floats = [False] * count
    for node in range(count):
        floats[node] = all(floats[a] and len(below[a]) == 1 for a in above[node])
    for node in reversed(range(count)):
        if floats[node] and below[node]:
            ranks[node] = min(ranks[b] for b in below[node]) - 1
    return ranks


class _Layers:
    """The nodes, and a dummy in every rank that a link passes."""

    def __init__(self, sizes: Sequence[Point], links: Sequence[Link], ranks: list[int]) -> None:
        self.sizes, self.links, self.ranks = sizes, links, ranks
        self.widths = [w for w, _ in sizes]
        self.heights = [h for _, h in sizes]
        self.rows: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
        self.above: list[list[int]] = [[] for _ in sizes]
        self.below: list[list[int]] = [[] for _ in sizes]
        self.chains: list[list[int]] = []
        self.bends: dict[tuple[int, int], float] = {}
        self.dummies: dict[tuple[int, float, int], int] = {}
        self.joined: set[tuple[int, int]] = set()
        for node, row in enumerate(ranks):
            self.rows[row].append(node)
        longest = _longest(links, ranks)
        for link in links:
            over = ranks[link.head] - ranks[link.tail] > longest
            self.chains.append([] if over else self.chain(link))

    def chain(self, link: Link) -> list[int]:
        """The dummies of a link; links of one value share them as far as they go."""
        found, last = [], link.tail
        for row in range(self.ranks[link.tail] + 1, self.ranks[link.head]):
            key = (link.tail, link.tail_port, row)
            if key not in self.dummies:
                self.dummies[key] = self.dummy(row)
                self.join(last, self.dummies[key])
            if last == link.tail:
                self.bends[last, self.dummies[key]] = link.tail_port
            last = self.dummies[key]
            found.append(last)
        self.join(last, link.head)
        direct = link.tail_port if last == link.tail else 0.0
        self.bends[last, link.head] = direct - link.head_port
        return found

    def dummy(self, row: int) -> int:
        """One more node without a size."""
        self.widths.append(2.0)
        self.heights.append(0.0)
        self.above.append([])
        self.below.append([])
        self.rows[row].append(len(self.widths) - 1)
        return len(self.widths) - 1

    def join(self, upper: int, lower: int) -> None:
        """Make two nodes of neighbouring ranks neighbours."""
        if (upper, lower) not in self.joined:
            self.joined.add((upper, lower))
            self.above[lower].append(upper)
            self.below[upper].append(lower)

    def route(
        self,
        index: int,
        xs: list[float],
        middles: list[Point],
        tops: list[float],
        bottoms: list[float],
    ) -> list[Point]:
        """From the lower edge of the tail, straight through the ranks between, to the head."""
        link = self.links[index]
        (x, y), (end_x, end_y) = middles[link.tail], middles[link.head]
        row = self.ranks[link.tail]
        start = x + link.tail_port
        points = [(start, y + self.heights[link.tail] / 2), (start, bottoms[row])]
        for node in self.chains[index]:
            row += 1
            points += [(xs[node], tops[row]), (xs[node], bottoms[row])]
        stop = end_x + link.head_port
        last = tops[self.ranks[link.head]]
        return [*points, (stop, last), (stop, end_y - self.heights[link.head] / 2)]


def _longest(links: Sequence[Link], ranks: list[int]) -> int:
    """The ranks that a link may pass for all links together to pass no more than can be drawn."""
    left = max(_PASSED, _PASSED_BY_ONE * len(ranks))
    spans = sorted(ranks[link.head] - ranks[link.tail] for link in links)
    for span in spans:
        left -= span
        if left < 0:
            return span - 1
    return spans[-1] if spans else 0


def _bands(
    rows: list[list[int]], heights: list[float], gap: float
) -> tuple[list[float], list[float]]:
    """The top and the bottom of each rank."""
    tops, bottoms, y = [], [], 0.0
    for row in rows:
        tops.append(y)
        y += max(heights[node] for node in row)
        bottoms.append(y)
        y += gap
    return tops, bottoms
