"""draw: the picture of a net, which a notebook shows and ``save`` writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from protonet.api import graph_of
from protonet.diagnostics import NetError, did_you_mean
from protonet.drawing.compose import Style, compose
from protonet.drawing.dot import by_graphviz, dot
from protonet.drawing.layout import layered
from protonet.drawing.svg import svg
from protonet.files import write_whole
from protonet.garbage import uncollected
from protonet.given import flag_given, one_given, path_given
from protonet.graph import Graph
from protonet.schema.load import Define, Readable, defined
from protonet.selection import DEFAULT, Selection, Shapes

if TYPE_CHECKING:
    from protonet.drawing.figure import Figure

FORMATS = ("svg", "png", "pdf", "html", "dot")
LAYOUTS = {"own": layered, "graphviz": by_graphviz}


class Drawing:
    """A net of one phase, to be seen; shows itself in a notebook."""

    def __init__(self, net: Graph, style: Style, layout: str = "own") -> None:
        self.graph, self.style, self.layout = net, style, layout

    @uncollected()
    def figure(self) -> Figure:
        """Everything in its place, in pixels."""
        return compose(self.graph, self.style, LAYOUTS[self.layout])

    @property
    @uncollected()
    def svg(self) -> str:
        """The picture as SVG."""
        return svg(self.figure())

    @property
    @uncollected()
    def dot(self) -> str:
        """The net in Graphviz's language."""
        return dot(self.graph, self.style)

    @property
    def html(self) -> str:
        """A page of its own to look around in, without the PyTorch that it becomes."""
        from protonet.drawing.page import both_views, page

        return page(both_views(self.graph, self.style, LAYOUTS[self.layout]))

    def content(self, kind: str) -> str | bytes:
        """The picture in one of FORMATS. NetError where matplotlib is needed and missing."""
        if kind in ("png", "pdf"):
            from protonet.drawing.raster import raster

            return raster(self.figure(), kind)
        return str(getattr(self, kind))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; the suffix says how. NetError where it says nothing known."""
        write_whole(path, self.content(suffix(path)))

    def _repr_svg_(self) -> str:
        return self.svg


def suffix(path: str | os.PathLike[str]) -> str:
    """The format that a file's name asks for."""
    path = path_given(path, "a drawing's file", 'drawing.save("net.svg")')
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        what = f"{path}: a drawing ends in .{', .'.join(FORMATS[:-1])} or .{FORMATS[-1]}"
        raise NetError(what, None, did_you_mean(kind, FORMATS))
    return kind


def draw(
    source: Readable,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    shapes: Shapes | None = None,
    allow_python: bool = False,
    collapse: bool = True,
    show_shapes: bool = True,
    direction: str = "TB",
    layout: str = "own",
    define: Define = None,
) -> Drawing:
    """Draw a net: a path, a prototxt's text or a NetParameter message; torch is not needed.

    ``collapse`` draws repeated blocks once, ``show_shapes`` writes shapes on the wires;
    ``direction`` is TB, from top to bottom, or LR, from left to right; ``layout`` "own", the same
    everywhere, or "graphviz"; ``define`` fills a template's placeholders, {"WIDTH": 640}.
    Raises NetError with its place.
    """
    one_given(direction, "direction", ("TB", "LR"))
    one_given(layout, "layout", tuple(LAYOUTS))
    shown, once = flag_given(show_shapes, "show_shapes"), flag_given(collapse, "collapse")
    selection = Selection.of(phase, stages, level, shapes, allow_python)
    source = defined(source, define)
    return drawn(source, selection, Style(shown, once, direction == "LR"), layout)


@uncollected()
def drawn(source: Readable, selection: Selection, style: Style, layout: str = "own") -> Drawing:
    """The drawing of a selection of a net. Raises NetError with its place."""
    return Drawing(graph_of(source, selection), style, layout)


def exported(source: Readable, style: Style, selection: Selection = DEFAULT) -> str:
    """The page of a net as one file, with its PyTorch.

    Raises NetError with its place.
    """
    from protonet.drawing.emitted import emitted
    from protonet.drawing.page import both_views, page

    net = graph_of(source, selection)
    found = both_views(net, style)
    found["torch"] = emitted(source, net, selection)
    return page(found)
