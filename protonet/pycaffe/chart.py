"""Chart: nodes and edges in Graphviz's language, and as a picture; what pydot's graph was for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from protonet.drawing.figure import turned
from protonet.drawing.layout import Link, layered
from protonet.drawing.words import width
from protonet.files import write_whole
from protonet.pycaffe.paint import FORMATS, Arrow, Box, Picture, painted

_TEXT = ("raw", "dot", "gv")
_LETTER, _LINE, _PAD, _GAP, _APART = 12.0, 15.0, 10.0, 30.0, 8.0
_DIRECTIONS = ("LR", "TB", "BT", "RL")


class ChartNode(NamedTuple):
    """A node's words, lines parted by \\n as Graphviz writes it, and its Graphviz attributes."""

    label: str
    style: Mapping[str, str]


class Edge(NamedTuple):
    """An edge between nodes, by their keys; a label of two quotes is none."""

    src: str
    dst: str
    label: str


class Chart:
    """A directed graph. ValueError where its direction is none of LR, TB, BT and RL."""

    def __init__(self, name: str, rankdir: str = "TB") -> None:
        if rankdir not in _DIRECTIONS:
            raise ValueError(f"rankdir is one of {', '.join(_DIRECTIONS)}, not {rankdir!r}")
        self.name, self.rankdir = name, rankdir
        self.nodes: dict[str, ChartNode] = {}
        self.edges: list[Edge] = []

    def add_node(self, key: str, label: str, style: Mapping[str, str]) -> None:
        """A node; one of the same key gets these words and this style."""
        self.nodes[key] = ChartNode(label, style)

    def add_edge(self, edge: Edge) -> None:
        """An edge between nodes that are there by the time it is drawn."""
        self.edges.append(edge)

    def to_string(self) -> str:
        """The graph in Graphviz's language."""
        number = {key: index for index, key in enumerate(self.nodes)}
        lines = [f"digraph {_quoted(self.name)} {{", f"rankdir={self.rankdir};"]
        for key, node in self.nodes.items():
            label = _quoted(_escaped(node.label) if _is_record(node) else node.label)
            style = "".join(f", {name}={_quoted(value)}" for name, value in node.style.items())
            lines.append(f"n{number[key]} [label={label}{style}];")
        for edge in self.edges:
            label = _quoted(edge.label.strip('"'))
            lines.append(f"n{number[edge.src]} -> n{number[edge.dst]} [label={label}];")
        return "\n".join([*lines, "}", ""])

    def create(self, prog: str = "dot", format: str = "png") -> bytes:  # noqa: A002 (pydot's name)
        """The picture's bytes.

        By Graphviz's ``prog`` where it is installed. ValueError where it does not know the format;
        ImportError where a png or pdf is wanted of us and matplotlib is missing.
        """
        if format in _TEXT:
            return self.to_string().encode()
        program = shutil.which(prog)
        if program is not None:
            return _by_graphviz(program, self.to_string(), format)
        if format not in FORMATS:
            hint = f"without Graphviz it is one of {', '.join((*_TEXT, *FORMATS))}"
            raise ValueError(f"a net can't be drawn as {format!r}; {hint}")
        return painted(self.picture(), format)

    def write(self, path: str, prog: str = "dot", format: str = "raw") -> bool:  # noqa: A002
        """Write the picture whole, or not at all. Errors as in create."""
        write_whole(path, self.create(prog, format))
        return True

    def picture(self) -> Picture:
        """The graph laid out by protonet's own layout, in pixels."""
        across = self.rankdir in ("LR", "RL")
        keys = list(self.nodes)
        number = {key: index for index, key in enumerate(keys)}
        words = [self.nodes[key].label.split(r"\n") for key in keys]
        sizes = [
            (max(width(line, _LETTER) for line in lines) + 2 * _PAD, _LINE * len(lines) + _PAD)
            for lines in words
        ]
        links, backward = [], []
        for edge in self.edges:
            ends = number[edge.src], number[edge.dst]
            back = ends[0] > ends[1]
            port = _APART if back else 0.0
            backward.append(back)
            links.append(Link(min(ends), max(ends), port, port))
        flat = [(h, w) for w, h in sizes] if across else sizes
        layout = layered(flat, links, _GAP)
        layout = turned(layout) if across else layout
        boxes = [
            Box(x, y, *size, tuple(lines), self.nodes[key].style)
            for (x, y), size, lines, key in zip(layout.middles, sizes, words, keys, strict=True)
        ]
        arrows = []
        for route, edge, back in zip(layout.routes, self.edges, backward, strict=True):
            arrows.append(Arrow(tuple(route[::-1] if back else route), edge.label.strip('"')))
        made = Picture(layout.width, layout.height, tuple(boxes), tuple(arrows))
        return made.mirrored(self.rankdir)


def _by_graphviz(program: str, text: str, kind: str) -> bytes:
    done = subprocess.run([program, f"-T{kind}"], input=text.encode(), capture_output=True)  # noqa: S603, PLW1510
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines() or [
            "it gave no reason"
        ]
        raise ValueError(f"Graphviz can't draw the net as {kind!r}: {reason[0]}")
    return done.stdout


def _is_record(node: ChartNode) -> bool:
    return node.style.get("shape") == "record"


def _escaped(label: str) -> str:
    """A label whose letters mean nothing in a record."""
    return "".join(f"\\{c}" if c in "{}|<>" else c for c in label)


def _quoted(text: str) -> str:
    """A string of Graphviz's language; \\n stays a line's end."""
    return '"' + text.replace('"', '\\"') + '"'
