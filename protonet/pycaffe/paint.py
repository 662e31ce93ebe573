"""A chart that is laid out, as SVG, PNG or PDF."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from protonet.drawing.layout import Point

FORMATS = ("svg", "png", "pdf")
_MARGIN, _LETTER, _LINE = 12.0, 12.0, 15.0
_DPI, _MOST = 96, 2**15
_EDGE = "#404040"


@dataclass(frozen=True)
class Box:
    """A node about its middle: its lines of text and Graphviz's style."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    style: Mapping[str, str]

    def corners(self) -> list[Point]:
        """The outline: four corners, or eight."""
        w, h = self.width / 2, self.height / 2
        cut = 6.0 if self.style.get("shape") == "octagon" else 0.0
        around = [(-w + cut, -h), (w - cut, -h), (w, -h + cut), (w, h - cut)]
        around += [(w - cut, h), (-w + cut, h), (-w, h - cut), (-w, -h + cut)]
        return [(self.x + dx, self.y + dy) for dx, dy in dict.fromkeys(around)]

    def baselines(self) -> list[tuple[float, str]]:
        """The height of each line of text."""
        top = self.y - _LINE * len(self.lines) / 2
        return [(top + _LINE * i + _LETTER, line) for i, line in enumerate(self.lines)]


@dataclass(frozen=True)
class Arrow:
    """An edge through these points, and what stands at it."""

    points: tuple[Point, ...]
    label: str

    def at(self) -> Point:
        """Where its label stands: beside its beginning."""
        x, y = self.points[0]
        return x + 4, y + 12

    def tip(self) -> list[Point]:
        """The three corners of its head."""
        (x, y) = self.points[-1]
        steps = [(x - px, y - py) for px, py in self.points[::-1]]
        dx, dy = next((step for step in steps if max(map(abs, step)) > 1), (0, 1))
        length = (dx * dx + dy * dy) ** 0.5
        dx, dy = dx / length, dy / length
        back = (x - 7 * dx, y - 7 * dy)
        return [(x, y), (back[0] - 3 * dy, back[1] + 3 * dx), (back[0] + 3 * dy, back[1] - 3 * dx)]


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows, in pixels from the upper left corner."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    def mirrored(self, rankdir: str) -> Picture:
        """Turned round, where the direction is BT or RL."""
        if rankdir not in ("BT", "RL"):
            return self

        def at(x: float, y: float) -> Point:
            return (x, self.height - y) if rankdir == "BT" else (self.width - x, y)

        moved = [(box, at(box.x, box.y)) for box in self.boxes]
        boxes = tuple(replace(box, x=x, y=y) for box, (x, y) in moved)
        arrows = tuple(replace(a, points=tuple(at(*p) for p in a.points)) for a in self.arrows)
        return replace(self, boxes=boxes, arrows=arrows)


def painted(picture: Picture, kind: str) -> bytes:
    """The picture in one of FORMATS. ImportError where png and pdf lack matplotlib."""
    return _svg(picture).encode() if kind == "svg" else _raster(picture, kind)


def _svg(picture: Picture) -> str:
    wide, high = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    size = f'width="{wide:g}" height="{high:g}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, sans-serif">']
    lines.append('<rect width="100%" height="100%" fill="#fff"/>')
    lines.append(f'<g transform="translate({_MARGIN:g} {_MARGIN:g})" font-size="{_LETTER:g}">')
    for arrow in picture.arrows:
        lines.append(f'<polyline fill="none" stroke="{_EDGE}" points="{_points(arrow.points)}"/>')
        lines.append(f'<polygon fill="{_EDGE}" points="{_points(arrow.tip())}"/>')
        x, y = arrow.at()
        lines.append(f'<text x="{x:g}" y="{y:g}">{escape(arrow.label)}</text>')
    for box in picture.boxes:
        fill = escape(box.style.get("fillcolor", "#fff"))
        lines.append(f'<polygon fill="{fill}" stroke="#000" points="{_points(box.corners())}"/>')
        for y, line in box.baselines():
            at = f'x="{box.x:g}" y="{y:g}" text-anchor="middle"'
            lines.append(f"<text {at}>{escape(line)}</text>")
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _points(points: Any) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _raster(picture: Picture, kind: str) -> bytes:
    """A PNG, smaller where it would be too large for its readers, or a PDF."""
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        hint = 'pip install "protonet[draw]", install Graphviz, or draw an svg'
        raise ImportError(f"a {kind} needs matplotlib, which is not installed; {hint}") from None
    wide, high = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    with rc_context({"text.parse_math": False}):
        canvas = Figure((wide / 72, high / 72))
        FigureCanvasAgg(canvas)
        across, down = (-_MARGIN, wide - _MARGIN), (high - _MARGIN, -_MARGIN)
        axes = canvas.add_axes((0, 0, 1, 1), xlim=across, ylim=down)
        axes.set_axis_off()
        _paint(axes, picture)
        out = io.BytesIO()
        canvas.savefig(out, format=kind, dpi=min(_DPI, _MOST * 72 / max(wide, high)))
    return out.getvalue()


def _paint(axes: Any, picture: Picture) -> None:
    """Everything of a picture, on matplotlib's axes."""
    from matplotlib.patches import Polygon

    letters = {"size": _LETTER * 0.8, "va": "baseline"}
    for arrow in picture.arrows:
        axes.plot(*zip(*arrow.points, strict=True), color=_EDGE, linewidth=1)
        axes.add_patch(Polygon(arrow.tip(), color=_EDGE, linewidth=0))
        axes.text(*arrow.at(), arrow.label, **letters)
    for box in picture.boxes:
        fill = box.style.get("fillcolor", "#fff")
        axes.add_patch(Polygon(box.corners(), facecolor=fill, edgecolor="#000", zorder=3))
        for y, line in box.baselines():
            axes.text(box.x, y, line, ha="center", zorder=4, **letters)
