"""A figure as SVG: text is text, colours are classes, and no byte depends on the day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from protonet.drawing.box import kind_of
from protonet.drawing.figure import (
    BADGE,
    LABEL,
    STRIP,
    STRIP_HEIGHT,
    SUBTITLE,
    TITLE,
    Card,
    Figure,
    Frame,
    Wire,
)
from protonet.drawing.kinds import KINDS
from protonet.drawing.layout import Point
from protonet.drawing.words import sizes
from protonet.plain import plain

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def svg(figure: Figure) -> str:
    """The figure as a file of its own, on white."""
    size = f'width="{figure.width:g}" height="{figure.height:g}"'
    box = f'viewBox="0 0 {figure.width:g} {figure.height:g}"'
    title = escape(figure.title)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img">'
    lines = [head, f"<title>{title}</title>", f"<style>{_style()}</style>"]
    lines.append('<rect class="paper" width="100%" height="100%"/>')
    lines.append(f'<text class="net" x="18" y="27">{title}</text>')
    lines.append(f'<text class="caption" x="18" y="43">{escape(figure.caption)}</text>')
    return "\n".join([*lines, *body(figure), "</svg>"]) + "\n"


def body(figure: Figure) -> Iterator[str]:
    """The frames, wires and cards, for a page that brings its own style."""
    for frame in figure.frames:
        yield from _frame(frame, across=figure.across)
    for wire in figure.wires:
        yield _wire(wire, across=figure.across)
    for card in figure.cards:
        yield from _card(card)
    bending = bends_left(figure)
    for wire in figure.wires:
        if wire.label:
            yield _label(wire, across=figure.across, left=wire.points[0] in bending)


def _style() -> str:
    rules = [
        f"text{{font-family:{FONT};fill:#1d2530}}",
        ".paper{fill:#fff}",
        f".net{{font-size:{TITLE + 3:g}px;font-weight:bold}}",
        f".caption,.sub{{font-size:{SUBTITLE:g}px;fill:#4a5566}}",
        f".title{{font-size:{TITLE:g}px;font-weight:bold}}",
        f".strip,.note{{font-size:{STRIP:g}px;fill:#4a5566}}",
        ".title,.sub,.strip,.note{text-anchor:middle}",
        f".shape{{font-size:{LABEL:g}px;fill:#6a7585}}",
        ".shape{paint-order:stroke;stroke:#fff;stroke-width:3px}.left{text-anchor:end}",
        f".badge{{font-size:{BADGE:g}px;font-weight:bold}}",
        f".beside{{font-size:{LABEL:g}px;fill:#4a5566}}",
        ".frame rect{fill:#f7f8fa;stroke:#aab3bf;stroke-dasharray:5 3}",
        ".wire{fill:none;stroke:#6a7585;stroke-width:1.3}",
        ".tip{fill:#6a7585}",
        ".share{fill:none;stroke:#b0568f;stroke-width:1.4;stroke-dasharray:2 3}",
        ".note{fill:#b0568f}",
        ".band{fill:#fff;fill-opacity:.55}",
    ]
    for name, (_, fill, line, _, _) in KINDS.items():
        rules.append(f".k-{name} .body{{fill:{fill};stroke:{line};stroke-width:1.2}}")
    return "".join(rules)


def _frame(frame: Frame, *, across: bool) -> Iterator[str]:
    x, y, w, h = (f"{n:.1f}" for n in (frame.x, frame.y, frame.width, frame.height))
    yield f'<g class="frame" data-boxes="{frame.boxes[0]}">'
    yield f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="10"/>'
    left = frame.x if across else frame.x + frame.width + 8
    top = frame.y - 8 - 12 * len(frame.note) if across else frame.y + frame.height / 2
    yield f'<text class="badge" x="{left:.1f}" y="{top:.1f}">{frame.badge}</text>'
    for index, line in enumerate(frame.note):
        down = top + 15 + 12 * index
        yield f'<text class="beside" x="{left:.1f}" y="{down:.1f}">{escape(line)}</text>'
    yield "</g>"


def _card(card: Card) -> Iterator[str]:
    box = card.box
    names = ", ".join(plain(f"{node.name} ({node.type})", 80) for node in box.nodes)
    shapes = ", ".join(sizes(value.shape, batch=True) for value in box.outlets)
    yield f'<g class="card k-{kind_of(box)}" data-box="{box.index}">'
    yield f"<title>{escape(f'{names}: {shapes}' if shapes else names)}</title>"
    x, y, w, h = (f"{n:.1f}" for n in (card.x, card.y, card.width, card.height))
    yield f'<rect class="body" x="{x}" y="{y}" width="{w}" height="{h}" rx="6"/>'
    middle, down = card.x + card.width / 2, card.y
    if card.strip:
        top = card.y + card.height - STRIP_HEIGHT
        yield (
            f'<path class="band" d="M{card.x + 0.6:.1f} {top:.1f}h{card.width - 1.2:.1f}'
            f"v{STRIP_HEIGHT - 6.6:.1f}a5.4 5.4 0 0 1 -5.4 5.4h-{card.width - 12:.1f}"
            'a5.4 5.4 0 0 1 -5.4 -5.4z"/>'
        )
        yield _text("strip", middle, top + 12, card.strip)
    yield _text("title", middle, down + 18, card.title)
    yield _text("sub", middle, down + 33, card.subtitle)
    if card.note:
        yield _text("note", middle, down + 46, card.note)
    yield "</g>"


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _wire(wire: Wire, *, across: bool) -> str:
    if wire.dashed:
        (x, y), (end_x, end_y) = wire.points
        mid = (x + end_x) / 2
        bend = f"M{x:.1f} {y:.1f}C{mid:.1f} {y:.1f} {mid:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"
        return f'<path class="share" d="{bend}"/>'
    ends = f'data-tail="{wire.tail}" data-head="{wire.head}"'
    x, y = wire.points[-1]
    tip = f"M{x - 6:.1f} {y - 3:.1f}l6 3l-6 3z" if across else f"M{x - 3:.1f} {y - 6:.1f}l3 6l3 -6z"
    drawn = bezier(wire.points) if wire.smooth else curve(wire.points, across=across)
    path = f'<path class="wire" {ends} d="{drawn}"/>'
    return path + f'<path class="tip" d="{tip}"/>' if wire.head >= 0 else path


def curve(points: Sequence[Point], *, across: bool) -> str:
    """A path of straight legs and smooth bends between them."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (end_x, end_y) in zip(points, points[1:], strict=False):
        straight = abs((y - end_y) if across else (x - end_x)) < 0.05
        if (x, y) == (end_x, end_y):
            continue
        if straight:
            parts.append(f"L{end_x:.1f} {end_y:.1f}")
            continue
        a, b = ((x + end_x) / 2, y), ((x + end_x) / 2, end_y)
        if not across:
            a, b = (x, (y + end_y) / 2), (end_x, (y + end_y) / 2)
        parts.append(f"C{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f} {end_x:.1f} {end_y:.1f}")
    return "".join(parts)


def bezier(points: Sequence[Point]) -> str:
    """A path of Bezier curves whose points are given one after the other."""
    first, *rest = [f"{x:.1f} {y:.1f}" for x, y in points]
    return f"M{first}C{' '.join(rest)}"


def bends_left(figure: Figure) -> set[Point]:
    """Where wires begin whose label goes to their left, since one of them bends to the right."""
    return set() if figure.across else {w.points[0] for w in figure.wires if _bends_right(w)}


def _bends_right(wire: Wire) -> bool:
    """Whether a wire leaves its card to the right, where its label would stand."""
    return wire.head >= 0 and any(x > wire.points[0][0] + 1 for x, _ in wire.points[:4])


def _label(wire: Wire, *, across: bool, left: bool) -> str:
    """The shape beside the first leg, on the side that no wire bends to."""
    x, y = wire.points[0]
    dx, dy = (6, -4) if across else (-5 if left else 5, 13)
    kind = "shape left" if left else "shape"
    return f'<text class="{kind}" x="{x + dx:.1f}" y="{y + dy:.1f}">{escape(wire.label)}</text>'
