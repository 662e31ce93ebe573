"""A figure as PNG or PDF, by matplotlib, which brings its own letters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from protonet.diagnostics import NetError
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
from protonet.drawing.svg import bends_left

_DPI = 144
_NARROWER = 0.86  # DejaVu Sans is that much wider than Helvetica
_MOST = 2**16 - 1  # pixels of a side that a PNG's readers take
_INK, _GREY, _LINE, _SHARED = "#1d2530", "#4a5566", "#6a7585", "#b0568f"


def raster(figure: Figure, kind: str) -> bytes:
    """The bytes of a PNG or PDF file. NetError where matplotlib is missing or it is too large."""
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        hint = 'pip install "protonet[draw]", or write .svg'
        raise NetError(f"a .{kind} needs matplotlib, which is not installed", None, hint) from None
    if kind == "png" and max(figure.width, figure.height) * _DPI / 72 > _MOST:
        hint = "write .svg or .pdf, or leave blocks collapsed"
        what = f"the drawing is {figure.width:g} by {figure.height:g}, too large for a .png"
        raise NetError(what, None, hint)
    fonts: Any = {"pdf.fonttype": 42, "font.family": _families(figure), "text.parse_math": False}
    with rc_context(fonts):
        canvas = Canvas((figure.width / 72, figure.height / 72))
        FigureCanvasAgg(canvas)
        axes = canvas.add_axes((0, 0, 1, 1), xlim=(0, figure.width), ylim=(figure.height, 0))
        axes.set_axis_off()
        _Painter(axes).paint(figure)
        out = io.BytesIO()
        metadata = {"CreationDate": None} if kind == "pdf" else {"Software": None}
        canvas.savefig(out, format=kind, dpi=_DPI, metadata=metadata)
    return out.getvalue()


def _families(figure: Figure) -> list[str]:
    """Fonts that have every letter of a figure. NetError where none on this machine has one."""
    from matplotlib.font_manager import findfont, fontManager
    from matplotlib.ft2font import FT2Font

    words = [figure.title, figure.caption, *(w.label for w in figure.wires)]
    words += [t for c in figure.cards for t in (c.title, c.subtitle, c.strip, c.note)]
    missing = {ord(c) for text in words for c in text}
    missing -= FT2Font(findfont("DejaVu Sans")).get_charmap().keys()
    found = ["DejaVu Sans"]
    fonts = [e for e in fontManager.ttflist if not e.name.startswith("Last Resort")]
    for entry in sorted(fonts, key=lambda e: e.name) if missing else ():
        has = missing & FT2Font(entry.fname).get_charmap().keys()
        found += [entry.name] if has else []
        missing -= has
    if missing:
        hint = "install a font that has it, such as Noto, or write .svg"
        raise NetError(f"no font here has the letter {chr(min(missing))!r} of a name", None, hint)
    return found


class _Painter:
    def __init__(self, axes: Any) -> None:
        self.axes = axes

    def paint(self, figure: Figure) -> None:
        self.text(18, 27, figure.title, TITLE + 3, weight="bold", ha="left")
        self.text(18, 43, figure.caption, SUBTITLE, color=_GREY, ha="left")
        for frame in figure.frames:
            self.frame(frame, across=figure.across)
        for wire in figure.wires:
            self.wire(wire, across=figure.across)
        for card in figure.cards:
            self.card(card)
        bending = bends_left(figure)
        for wire in figure.wires:
            if wire.label:
                self.label(wire, across=figure.across, left=wire.points[0] in bending)

    def label(self, wire: Wire, *, across: bool, left: bool) -> None:
        """The shape where a wire begins, on a white edge that keeps wires off its letters."""
        from matplotlib.patheffects import Stroke

        (x, y), (dx, dy) = wire.points[0], (6.0, -4.0) if across else (-5.0 if left else 5.0, 13.0)
        style = {"color": _LINE, "ha": "right" if left else "left"}
        edge = [Stroke(linewidth=2.4, foreground="white")]
        self.text(x + dx, y + dy, wire.label, LABEL, path_effects=edge, **style)
        self.text(x + dx, y + dy, wire.label, LABEL, **style)  # letters, which a PDF's reader finds

    def text(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        """Words on their base line."""
        style = {"color": _INK, "ha": "center", **style}
        self.axes.text(x, y, text, size=size * _NARROWER, va="baseline", **style)

    def rounded(self, x: float, y: float, w: float, h: float, radius: float, **style: Any) -> None:
        from matplotlib.patches import FancyBboxPatch

        shape = f"round,pad=0,rounding_size={radius}"
        self.axes.add_patch(FancyBboxPatch((x, y), w, h, boxstyle=shape, **style))

    def frame(self, frame: Frame, *, across: bool) -> None:
        body = (frame.x, frame.y, frame.width, frame.height)
        dashes = (0, (4, 2.4))
        self.rounded(*body, 10, facecolor="#f7f8fa", edgecolor="#aab3bf", linestyle=dashes)
        left = frame.x if across else frame.x + frame.width + 8
        top = frame.y - 8 - 12 * len(frame.note) if across else frame.y + frame.height / 2
        self.text(left, top, frame.badge, BADGE, weight="bold", ha="left")
        for index, line in enumerate(frame.note):
            self.text(left, top + 15 + 12 * index, line, LABEL, color=_GREY, ha="left")

    def card(self, card: Card) -> None:
        _, fill, line, _, _ = KINDS[kind_of(card.box)]
        body = (card.x, card.y, card.width, card.height)
        self.rounded(*body, 6, facecolor=fill, edgecolor=line, linewidth=1.2)
        middle = card.x + card.width / 2
        if card.strip:
            top = card.y + card.height - STRIP_HEIGHT
            band = (card.x + 1, top, card.width - 2, STRIP_HEIGHT - 1)
            self.rounded(*band, 5, facecolor="white", alpha=0.55, linewidth=0)
            self.text(middle, top + 12, card.strip, STRIP, color=_GREY)
        self.text(middle, card.y + 18, card.title, TITLE, weight="bold")
        self.text(middle, card.y + 33, card.subtitle, SUBTITLE, color=_GREY)
        if card.note:
            self.text(middle, card.y + 46, card.note, STRIP, color=_SHARED)

    def wire(self, wire: Wire, *, across: bool) -> None:
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        vertices, codes = zip(*_path(wire, across=across), strict=True)
        style = {"color": _SHARED, "linestyle": (0, (1.5, 2))} if wire.dashed else {"color": _LINE}
        path = Path(vertices, codes)
        self.axes.add_patch(PathPatch(path, fill=False, linewidth=1.2, **style))
        if wire.head >= 0 and not wire.dashed:
            x, y = wire.points[-1]
            tip = [(x, y), (x - 6, y - 3), (x - 6, y + 3)]
            tip = tip if across else [(x, y), (x - 3, y - 6), (x + 3, y - 6)]
            self.axes.add_patch(Polygon(tip, color=_LINE, linewidth=0))


def _path(wire: Wire, *, across: bool) -> Iterator[tuple[Point, int]]:
    """Vertices with matplotlib's codes: 1 to move, 2 for a line, 4 for a curve."""
    yield wire.points[0], 1
    if wire.smooth:
        yield from ((point, 4) for point in wire.points[1:])
        return
    for (x, y), (end_x, end_y) in zip(wire.points, wire.points[1:], strict=False):
        if not wire.dashed and abs((y - end_y) if across else (x - end_x)) < 0.05:
            yield (end_x, end_y), 2
            continue
        flat = across or wire.dashed
        middle = (x + end_x) / 2 if flat else (y + end_y) / 2
        yield ((middle, y) if flat else (x, middle)), 4
        yield ((middle, end_y) if flat else (end_x, middle)), 4
        yield (end_x, end_y), 4
