"""Graphviz: a net in its language, and its layout in place of our own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from protonet.diagnostics import NetError
from protonet.drawing.box import followers_of, kind_of, title_of, words_of
from protonet.drawing.compose import Style
from protonet.drawing.kinds import KINDS
from protonet.drawing.layout import Layout, Link, Point
from protonet.drawing.words import merged, merged_names, sizes
from protonet.graph import Graph
from protonet.graph.blocks import BlockRun, runs
from protonet.graph.group import LayerGroup, grouped
from protonet.plain import plain

_INCH = 72.0


def dot(graph: Graph, style: Style) -> str:
    """The net as a Graphviz file: a node a box, a cluster a repeated block."""
    boxes = grouped(graph)
    found = runs(boxes) if style.collapse else []
    hidden: dict[LayerGroup, LayerGroup] = {}
    for run in found:
        hidden.update(_stand_ins(run))
    lines = [f"digraph {_quoted(plain(graph.called, 60))} {{"]
    lines.append(f"  rankdir={'LR' if style.across else 'TB'}")
    lines.append('  node [shape=box style="rounded,filled" fontname="Helvetica" fontsize=11]')
    lines.append('  edge [fontname="Helvetica" fontsize=9 color="#6a7585" fontcolor="#6a7585"]')
    lines += [_node(box, title_of(box), words_of(box)) for box in boxes if box not in hidden]
    for index, run in enumerate(found):
        lines += _cluster(index, run)
    for (tail, head, _), labels in _edges(boxes, found, hidden).items():
        shown = f" [label={_quoted(merged(labels))}]" if style.shapes else ""
        lines.append(f"  b{tail} -> b{head}{shown}")
    return "\n".join([*lines, "}", ""])


def _edges(
    boxes: Sequence[LayerGroup], found: Sequence[BlockRun], hidden: dict[LayerGroup, LayerGroup]
) -> dict[tuple[int, int, int], list[str]]:
    """The shapes that pass from box to box; what leads from a block to the next is left out."""
    inner = {box.index for run in found for box in run.template.groups}
    edges: dict[tuple[int, int, int], list[str]] = {}
    for box in boxes:
        for source, value in box.sources:
            tail, head = hidden.get(source, source).index, hidden.get(box, box).index
            if tail < head or not {tail, head} <= inner:
                port = source.outlets.index(value)
                edges.setdefault((tail, head, port), []).append(sizes(value.shape))
    return edges


def _stand_ins(run: BlockRun) -> dict[LayerGroup, LayerGroup]:
    """For each box of a run, the one of its template that is drawn."""
    template = run.template
    pairs = {box: template.groups[i] for block in run.blocks for i, box in enumerate(block.groups)}
    pairs.update({box: template.exit for block in run.blocks for box in block.extra})
    return pairs


def _cluster(index: int, run: BlockRun) -> list[str]:
    lines = [f"  subgraph cluster_{index} {{"]
    lines.append(f'    label="× {len(run.blocks)}" style="rounded,dashed" color="#aab3bf"')
    lines.append('    fontname="Helvetica-Bold" labeljust=r')
    for i, box in enumerate(run.template.groups):
        names = merged_names([block.groups[i].head.name for block in run.blocks])
        subtitle = merged([words_of(block.groups[i]) for block in run.blocks])
        lines.append("  " + _node(box, plain(names, 34), subtitle))
    return [*lines, "  }"]


def _node(box: LayerGroup, title: str, subtitle: str) -> str:
    note = f"shares {plain(', '.join(box.shared), 30)}" if box.shared else ""
    words = "\n".join(line for line in (title, subtitle, followers_of(box), note) if line)
    _, fill, line, _, _ = KINDS[kind_of(box)]
    return f'  b{box.index} [label={_quoted(words)} fillcolor="{fill}" color="{line}"]'


def _quoted(text: str) -> str:
    """A string of Graphviz's language that shows as it stands, escapes and all."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return '"' + safe.replace("\n", "\\n") + '"'


def is_installed() -> bool:
    """Whether Graphviz's program and its Python binding are both here."""
    import importlib.util
    import shutil

    return importlib.util.find_spec("graphviz") is not None and shutil.which("dot") is not None


def by_graphviz(sizes: Sequence[Point], links: Sequence[Link], gap: float) -> Layout:
    """A layout by the program ``dot``. NetError where it is not installed."""
    if not is_installed():
        hint = 'pip install "protonet[draw]" and the program: apt-get install graphviz'
        raise NetError("Graphviz is not installed", None, hint)
    import graphviz

    lines = [f"digraph {{ nodesep=0.3 ranksep={gap / _INCH:.4f} node [shape=box fixedsize=true]"]
    for index, (wide, high) in enumerate(sizes):
        extent = f"width={wide / _INCH:.4f} height={max(high, 1.0) / _INCH:.4f}"
        lines.append(f'n{index} [label="" {extent}]')
    for index, link in enumerate(links):
        lines.append(f"n{link.tail}:s -> n{link.head}:n [id=e{index} arrowhead=none]")
    try:
        found = graphviz.Source("\n".join([*lines, "}"])).pipe(format="json0")
    except (graphviz.CalledProcessError, OSError) as error:
        raise NetError(f"Graphviz failed: {str(error).splitlines()[0]}") from None
    return _read(json.loads(found), sizes, links)


def _read(found: Any, sizes: Sequence[Point], links: Sequence[Link]) -> Layout:
    _, _, width, height = map(float, found["bb"].split(","))
    middles = []
    for node in found["objects"][: len(sizes)]:
        x, y = map(float, node["pos"].split(","))
        middles.append((x, height - y))
    routes: list[list[Point]] = [[] for _ in links]
    for edge in found.get("edges", ()):
        index = int(edge["id"][1:])
        points = [tuple(map(float, pair.split(","))) for pair in edge["pos"].split(" ")]
        route = [(x, height - y) for x, y in points]
        link = links[index]
        route[:2] = [(x + link.tail_port, y) for x, y in route[:2]]
        route[-2:] = [(x + link.head_port, y) for x, y in route[-2:]]
        routes[index] = route
    return Layout(middles, routes, width, height, smooth=True)
