"""Where the nodes of a rank stand from left to right, once their order is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protonet.drawing.order import Neighbours

_ROUNDS = 8
_STRAIGHT = 8.0  # how much two dummies of one link want to stand below each other
_MAIN = 60.0  # the same of a node and the only one directly above it
_PLAIN = 1.0  # the same of all others

Bends = Mapping[tuple[int, int], float]


def places(
    rows: list[list[int]],
    widths: Sequence[float],
    above: Neighbours,
    below: Neighbours,
    real: int,
    between: float,
    bends: Bends,
) -> list[float]:
    """The middle of every node: near the mean of its neighbours, none on top of another.

    Each row in turn is the least-squares answer under the order and the distances. Nodes from
    ``real`` on are the dummies of long links; ``bends`` says by how much the middle of the lower
    of two neighbours would stand to the right of the upper's for their link to be straight.
    """
    xs = [0.0] * len(widths)
    for row in rows:
        x = 0.0
        for node in row:
            xs[node] = x + widths[node] / 2
            x += widths[node] + between
        for node in row:
            xs[node] -= (x - between) / 2
    net = _Springs(xs, widths, above, below, real, between, bends)
    for _ in range(_ROUNDS if len(widths) < 3000 else _ROUNDS // 2):
        for row in reversed(rows):
            net.settle(row, up=False)
        for row in rows:
            net.settle(row, up=True)
    return xs


class _Springs:
    def __init__(
        self,
        xs: list[float],
        widths: Sequence[float],
        above: Neighbours,
        below: Neighbours,
        real: int,
        between: float,
        bends: Bends,
    ) -> None:
        self.xs, self.widths, self.between = xs, widths, between
        self.real, self.bends = real, bends
        self.over = [sum(n < real for n in side) for side in above]
        self.under = [sum(n < real for n in side) for side in below]
        self.up = [self.pulls(node, above[node], upper=True) for node in range(len(widths))]
        self.down = [self.pulls(node, below[node], upper=False) for node in range(len(widths))]

    def pulls(self, node: int, side: list[int], *, upper: bool) -> list[tuple[int, float, float]]:
        """The neighbours on one side, how far from them the node would stand, how strongly."""
        found = []
        for other in side:
            low, high = (node, other) if upper else (other, node)
            bend = self.bends.get((high, low), 0.0)
            found.append((other, bend if upper else -bend, self.strength(high, low)))
        if any(weight == _MAIN for _, _, weight in found):
            found = [pull for pull in found if pull[2] == _MAIN]
        return found

    def strength(self, high: int, low: int) -> float:
        if high >= self.real and low >= self.real:
            return _STRAIGHT
        if high >= self.real or low >= self.real:
            return _PLAIN
        return _MAIN if self.over[low] == self.under[high] == 1 else _PLAIN

    def settle(self, row: list[int], *, up: bool) -> None:
        """Move the nodes of one row to where their neighbours on one side draw them."""
        wanted, weights = [], []
        for node in row:
            pulls = self.up[node] if up else self.down[node]
            total = sum(weight for _, _, weight in pulls)
            mean = sum((self.xs[n] + bend) * weight for n, bend, weight in pulls)
            wanted.append(mean / total if pulls else self.xs[node])
            weights.append(total or 0.05)
        steps = [
            (self.widths[a] + self.widths[b]) / 2 + self.between
            for a, b in zip(row, row[1:], strict=False)
        ]
        for node, x in zip(row, spaced(wanted, weights, steps), strict=True):
            self.xs[node] = x


def spaced(
    wanted: Sequence[float], weights: Sequence[float], steps: Sequence[float]
) -> list[float]:
    """Places that follow each other at these steps at least, nearest to those wanted.

    Weighted least squares by pooling neighbours that are in each other's way. Source: Ayer et al.
    1955, the pool adjacent violators algorithm.
    """
    offsets = [0.0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    pools: list[list[float]] = []  # [mean, weight, members]
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        pools.append([want - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, total, members = pools.pop()
            last = pools[-1]
            both = last[1] + total
            last[0] = (last[0] * last[1] + mean * total) / both
            last[1], last[2] = both, last[2] + members
    flat = [mean for mean, _, members in pools for _ in range(int(members))]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
