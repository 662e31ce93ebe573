"""The order of the nodes in each rank, with few crossings between the ranks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

_SWEEPS = 12
_MANY = 3000  # nodes, beyond which a few sweeps must do

Neighbours = list[list[int]]


def order(rows: list[list[int]], above: Neighbours, below: Neighbours) -> list[list[int]]:
    """Reorder the rows by barycentres, down and up in turn; the best order seen is kept."""
    best = [list(row) for row in rows]
    fewest = crossings(best, below)
    current = [list(row) for row in best]
    sweeps = _SWEEPS if sum(map(len, rows)) < _MANY else _SWEEPS // 3
    for sweep in range(sweeps):
        if not fewest:
            break
        down = sweep % 2 == 0
        _sweep(current, above if down else below, down=down)
        _transpose(current, above, below)
        count = crossings(current, below)
        if count < fewest:
            fewest, best = count, [list(row) for row in current]
    return best


def _sweep(rows: list[list[int]], neighbours: Neighbours, *, down: bool) -> None:
    """Sort each row by the mean place of its neighbours in the row before."""
    sequence = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
    for index in sequence:
        row, fixed = rows[index], rows[index - 1 if down else index + 1]
        if len(row) < 2:
            continue
        place = {node: i for i, node in enumerate(fixed)}
        own = {node: i * len(fixed) / len(row) for i, node in enumerate(row)}
        row.sort(key=lambda node: _mean(neighbours[node], place, own[node]))


def _mean(neighbours: list[int], place: dict[int, int], own: float) -> float:
    found = [place[n] for n in neighbours if n in place]
    return sum(found) / len(found) if found else own


def _transpose(rows: list[list[int]], above: Neighbours, below: Neighbours) -> None:
    """Swap neighbours wherever that alone saves crossings."""
    places = {node: i for row in rows for i, node in enumerate(row)}
    for row in rows:
        for i in range(len(row) - 1):
            left, right = row[i], row[i + 1]
            gained = 0
            for side in (above, below):
                gained += _gained(side[left], side[right], places)
            if gained > 0:
                row[i], row[i + 1] = right, left
                places[left], places[right] = i + 1, i


def _gained(left: list[int], right: list[int], places: dict[int, int]) -> int:
    """The crossings of the links of two neighbours, less those when they have changed places."""
    b = sorted(places[n] for n in right)
    ends = (places[n] for n in left)
    return sum(bisect_left(b, end) - (len(b) - bisect_right(b, end)) for end in ends)


def crossings(rows: list[list[int]], below: Neighbours) -> int:
    """How many pairs of links cross. Source: Barth, Juenger and Mutzel 2002."""
    total = 0
    for row, following in zip(rows, rows[1:], strict=False):
        if len(row) < 2 or len(following) < 2:
            continue
        place = {node: i for i, node in enumerate(following)}
        seen: list[int] = []
        for node in row:
            ends = sorted(place[n] for n in below[node])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
