"""A drawing before it is written: cards, frames around repeated blocks, wires between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from protonet.drawing.box import followers_of
from protonet.drawing.layout import Layout, Link, Point
from protonet.drawing.words import sizes, width
from protonet.graph.group import LayerGroup
from protonet.plain import plain

TITLE, SUBTITLE, STRIP, LABEL, BADGE = 12.5, 11.0, 10.0, 10.0, 15.0  # sizes of letters
PAD, STRIP_HEIGHT = 12.0, 17.0
Engine = Callable[[Sequence[Point], Sequence[Link], float], Layout]


@dataclass(frozen=True)
class Card:
    """A box where it is drawn; x and y are its upper left corner."""

    box: LayerGroup
    title: str
    subtitle: str
    strip: str
    note: str
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0

    def moved(self, dx: float, dy: float) -> Card:
        """The same card elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Frame:
    """A frame around a block that stands for several; the badge and its note stand beside it."""

    badge: str
    note: tuple[str, ...]
    boxes: tuple[int, ...]
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0

    def moved(self, dx: float, dy: float) -> Frame:
        """The same frame elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Wire:
    """The way of a value, its shape written where it begins; dashed between shared weights.

    The points are as in Layout; where ``smooth``, those of Bezier curves.
    """

    points: tuple[Point, ...]
    label: str = ""
    tail: int = -1
    head: int = -1
    dashed: bool = False
    smooth: bool = False

    def moved(self, dx: float, dy: float) -> Wire:
        """The same wire elsewhere."""
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))


@dataclass
class Figure:
    """Everything to be drawn, in pixels; ``across`` is set where it runs from left to right."""

    title: str
    caption: str
    across: bool
    width: float = 0.0
    height: float = 0.0
    cards: list[Card] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)


def card(box: LayerGroup, title: str, subtitle: str, *, across: bool) -> Card:
    """A card as large as its words need, and the shapes below it, if none stand beside it."""
    strip = plain(followers_of(box), 40)
    note = f"shares {plain(', '.join(n or '?' for n in box.shared), 30)}" if box.shared else ""
    words = max(
        width(title, TITLE, bold=True),
        width(subtitle, SUBTITLE),
        width(strip, STRIP),
        width(note, STRIP),
    )
    below = 0.0 if across else apart(box) * len(box.outlets[:12])
    wide = max(90.0, words + 2 * PAD, below)
    high = 42.0 + (STRIP_HEIGHT if strip else 0) + (14.0 if note else 0)
    return Card(box, title, subtitle, strip, note, round(wide), round(high))


def apart(box: LayerGroup) -> float:
    """How far apart wires leave a box, so that the shapes of two may stand between them."""
    labels = [width(sizes(value.shape), LABEL) for value in box.outlets[:12]]
    pairs = [a + b for a, b in pairwise(labels)]
    return max(pairs or labels, default=0.0) + 16


def ports(count: int, span: float, most: float) -> list[float]:
    """Offsets from the middle of a side for so many wires."""
    step = min(most, span / count)
    return [(i - (count - 1) / 2) * step for i in range(count)]


def spread_heads(
    layout: Layout, links: Sequence[Link], sizes: Sequence[Point], fixed: set[int]
) -> None:
    """Give the wires that end at one node places of their own, in the order they come from.

    Those into ``fixed`` nodes meet at one port.
    """
    ending: dict[int, list[int]] = {}
    for index, link in enumerate(links):
        if link.head not in fixed:
            ending.setdefault(link.head, []).append(index)
    for head, indices in ending.items():
        if len(indices) < 2:
            continue
        indices.sort(key=lambda i: (layout.routes[i][-3][0], i))
        for i, offset in zip(indices, ports(len(indices), sizes[head][0], 22.0), strict=True):
            route = layout.routes[i]
            route[-2:] = [(x + offset, y) for x, y in route[-2:]]


def turned(layout: Layout) -> Layout:
    """A layout from top to bottom as one from left to right."""
    flipped = [[(y, x) for x, y in route] for route in layout.routes]
    middles = [(y, x) for x, y in layout.middles]
    return Layout(middles, flipped, layout.height, layout.width, layout.smooth)
