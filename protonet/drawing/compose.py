"""From a graph to a figure: boxes folded, repeated blocks framed, everything in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protonet.drawing.box import title_of, words_of
from protonet.drawing.figure import (
    BADGE,
    LABEL,
    PAD,
    SUBTITLE,
    TITLE,
    Card,
    Engine,
    Figure,
    Frame,
    Wire,
    apart,
    card,
    ports,
    spread_heads,
    turned,
)
from protonet.drawing.layout import Layout, Link
from protonet.drawing.words import amount, merged, merged_names, sizes, summary, width
from protonet.graph import Graph, Value
from protonet.graph.blocks import BlockRun, runs
from protonet.graph.cost import costs
from protonet.graph.group import LayerGroup, grouped
from protonet.plain import plain

MARGIN, TOP = 18.0, 58.0
_LEAST_GAP, _LABEL_GAP = 24.0, 34.0
_FEW = 4  # cards that share a parameter and are joined by a line


@dataclass(frozen=True)
class Style:
    """How a net is to be drawn: shapes on the wires, blocks collapsed, from left to right."""

    shapes: bool = True
    collapse: bool = True
    across: bool = False


@dataclass
class Item:
    """What a layout moves as one: a card, or a frame and all in it.

    ``enters`` and ``leaves`` are where its wires do, from the middle of its side; a frame's
    body ends before its badge.
    """

    key: int
    width: float
    height: float
    cards: list[Card] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    enters: float = 0.0
    leaves: float = 0.0


@dataclass(frozen=True)
class _Edge:
    tail: Item
    head: Item
    value: Value
    port: float
    label: str


def compose(graph: Graph, style: Style, engine: Engine) -> Figure:
    """Lay out a graph; deterministic for one engine."""
    cost = costs(graph)
    caption = f"{amount(cost.parameters)} parameters · {amount(cost.multiply_adds)} multiply-adds"
    figure = Figure(plain(graph.called, 60), caption, style.across)
    boxes = grouped(graph)
    composer = _Composer(style, engine)
    items = composer.items(boxes)
    ordered = sorted({id(item): item for item in items.values()}.values(), key=lambda i: i.key)
    layout = composer.arrange(ordered, composer.edges(boxes, items), figure)
    _join_shared(figure)
    return _framed_by_margin(figure, layout)


class _Composer:
    def __init__(self, style: Style, engine: Engine) -> None:
        self.style, self.engine = style, engine

    def items(self, boxes: Sequence[LayerGroup]) -> dict[LayerGroup, Item]:
        """The item that each box is part of."""
        found: dict[LayerGroup, Item] = {}
        for run in runs(boxes) if self.style.collapse else ():
            found.update(dict.fromkeys(run.groups(), self.frame(run)))
        for box in boxes:
            if box not in found:
                found[box] = _item(
                    card(box, title_of(box), words_of(box), across=self.style.across)
                )
        return found

    def edges(self, boxes: Sequence[LayerGroup], items: dict[LayerGroup, Item]) -> list[_Edge]:
        """The links between items, each once for one value."""
        found: dict[tuple[int, int, Value], _Edge] = {}
        for box in boxes:
            for source, value in box.sources:
                tail, head = items[source], items[box]
                if tail is not head:
                    label = sizes(value.shape)
                    edge = self.edge(tail, head, source, value, label)
                    found.setdefault((tail.key, head.key, value), edge)
        return list(found.values())

    def edge(self, tail: Item, head: Item, source: LayerGroup, value: Value, label: str) -> _Edge:
        span = tail.height if self.style.across else tail.width
        count = len(source.outlets)
        at = source.outlets.index(value) if value in source.outlets else 0
        port = ports(count, span, max(90.0, apart(source)))[at] if count > 1 else tail.leaves
        return _Edge(tail, head, value, port, label if self.style.shapes else "")

    def gap(self, edges: Sequence[_Edge]) -> float:
        """The space between ranks: labels need more of it, most where they lie along the way."""
        if not self.style.shapes:
            return _LEAST_GAP
        longest = max((width(edge.label, LABEL) for edge in edges), default=0.0)
        return longest + 2 * PAD if self.style.across else _LABEL_GAP

    def arrange(self, items: list[Item], edges: Sequence[_Edge], figure: Figure) -> Layout:
        """Place the items and put what they hold, and the wires, into a figure."""
        number = {item.key: i for i, item in enumerate(items)}
        extents = [(item.width, item.height) for item in items]
        flat = [(h, w) for w, h in extents] if self.style.across else extents
        links = [Link(number[e.tail.key], number[e.head.key], e.port, e.head.enters) for e in edges]
        layout = self.engine(flat, links, self.gap(edges))
        spread_heads(layout, links, flat, {number[i.key] for i in items if i.frames})
        layout = turned(layout) if self.style.across else layout
        for item, (x, y) in zip(items, layout.middles, strict=True):
            dx, dy = x - item.width / 2, y - item.height / 2
            figure.cards += [c.moved(dx, dy) for c in item.cards]
            figure.frames += [f.moved(dx, dy) for f in item.frames]
            figure.wires += [w.moved(dx, dy) for w in item.wires]
        labelled: set[tuple[int, Value]] = set()
        for edge, route in zip(edges, layout.routes, strict=True):
            label = "" if (edge.tail.key, edge.value) in labelled else edge.label
            labelled.add((edge.tail.key, edge.value))
            ends = edge.tail.key, edge.head.key
            figure.wires.append(Wire(tuple(route), label, *ends, smooth=layout.smooth))
        return layout

    def frame(self, run: BlockRun) -> Item:
        """A frame around the block that stands for a run, with a card for each of its boxes."""
        block = run.template
        port = Item(-1, 2.0, 0.0)
        items = {block.entry: port}
        for index, box in enumerate(block.groups):
            items[box] = _item(_standing_for(run, index, box, across=self.style.across))
        edges = []
        for index, box in enumerate(block.groups):
            for source, value in dict.fromkeys(box.sources):
                tail = items[port_or(source, block.extra, block.entry)]
                label = "" if tail is port else _shapes(run, index, box, source, value)
                edges.append(self.edge(tail, items[box], source, value, label))
        inside = Figure("", "", self.style.across)
        ordered = [port, *(items[box] for box in block.groups)]
        layout = self.arrange(ordered, edges, inside)
        return self.around(run, inside, layout, ordered)

    def around(self, run: BlockRun, inside: Figure, layout: Layout, items: list[Item]) -> Item:
        """The frame of a laid out block; its wires begin and end at its border."""
        badge, note = f"× {len(run.blocks)}", _note(run)
        beside = max([width(badge, BADGE, bold=True), *(width(line, LABEL) for line in note)]) + 10
        above = 24.0 + 12.0 * len(note) if self.style.across else 0.0
        wide, high = layout.width + 2 * PAD, layout.height + 2 * PAD
        wires = [w.moved(PAD, PAD + above) for w in inside.wires]
        (start_x, start_y), (end_x, end_y) = layout.middles[0], layout.middles[-1]
        last = items[-1]
        if self.style.across:
            enter, leave = (0.0, PAD + start_y + above), (PAD + end_x + last.width / 2, wide)
            wires.append(Wire(((enter), (PAD, enter[1])), "", -1, -1))
            wires.append(Wire(((leave[0], PAD + end_y + above), (wide, PAD + end_y + above))))
            total = (max(wide, beside), high + above)
            ends = (enter[1] - total[1] / 2, PAD + end_y + above - total[1] / 2)
        else:
            wires.append(Wire(((PAD + start_x, 0.0), (PAD + start_x, PAD))))
            bottom = PAD + end_y + last.height / 2
            wires.append(Wire(((PAD + end_x, bottom), (PAD + end_x, high))))
            total = (wide + beside, high)
            ends = (PAD + start_x - total[0] / 2, PAD + end_x - total[0] / 2)
        cards = [c.moved(PAD, PAD + above) for c in inside.cards]
        boxes = tuple(box.index for box in run.groups())
        frame = Frame(badge, note, boxes, wide, high, 0.0, above)
        key = run.template.exit.index
        return Item(key, *total, cards, [frame], wires, *ends)


def port_or(source: LayerGroup, extra: Sequence[LayerGroup], entry: LayerGroup) -> LayerGroup:
    """The box that a wire comes from inside a frame, where a projection is left out."""
    return entry if source in extra else source


def _item(one: Card) -> Item:
    return Item(one.box.index, one.width, one.height, [one])


def _alike(run: BlockRun) -> list[tuple[LayerGroup, ...]]:
    """The boxes of the blocks without a projection, which the words of a frame sum up."""
    return [b.groups for b in run.blocks if not b.extra] or [b.groups for b in run.blocks]


def _standing_for(run: BlockRun, index: int, box: LayerGroup, *, across: bool) -> Card:
    names = [block.groups[index].head.name for block in run.blocks]
    title = plain(merged_names(names), 34)
    subtitle = merged([words_of(boxes[index]) for boxes in _alike(run)])
    return card(box, title, subtitle, across=across)


def _shapes(run: BlockRun, index: int, box: LayerGroup, source: LayerGroup, value: Value) -> str:
    """The shape of a value over all blocks."""
    at = box.sources.index((source, value))
    found = [boxes[index].sources for boxes in _alike(run)]
    return merged([sizes(s[at][1].shape if at < len(s) else value.shape) for s in found])


def _note(run: BlockRun) -> tuple[str, ...]:
    """What the first block has beside the others."""
    extra = run.blocks[0].extra
    if not extra or run.template is run.blocks[0]:
        return ()
    return ("first with a projection", summary(extra[0].head).partition(" ")[2])


def _join_shared(figure: Figure) -> None:
    """Dashed lines between the few cards that share a parameter."""
    sharing: dict[str, list[Card]] = {}
    for one in figure.cards:
        for name in one.box.shared:
            sharing.setdefault(name, []).append(one)
    pairs = {
        (a.box.index, b.box.index): (a, b)
        for cards in sharing.values()
        if len(cards) <= _FEW
        for a, b in zip(cards, cards[1:], strict=False)
    }
    for a, b in pairs.values():
        left, right = (a, b) if a.x <= b.x else (b, a)
        start = (left.x + left.width, left.y + left.height / 2)
        end = (right.x, right.y + right.height / 2)
        if end[0] > start[0]:
            figure.wires.append(Wire((start, end), "", a.box.index, b.box.index, dashed=True))


def _framed_by_margin(figure: Figure, layout: Layout) -> Figure:
    """Give a figure its size, what is drawn in the middle below its words."""
    words = max(width(figure.title, TITLE + 3, bold=True), width(figure.caption, SUBTITLE))
    left = MARGIN + round(max(0.0, words - layout.width) / 2)
    figure.cards = [c.moved(left, TOP) for c in figure.cards]
    figure.frames = [f.moved(left, TOP) for f in figure.frames]
    figure.wires = [w.moved(left, TOP) for w in figure.wires]
    labels = max(
        (w.points[0][0] + 5 + width(w.label, LABEL) for w in figure.wires if w.label), default=0.0
    )
    figure.width = round(max(layout.width + 2 * MARGIN, words + 2 * MARGIN, labels + MARGIN))
    figure.height = round(layout.height + TOP + MARGIN)
    return figure
