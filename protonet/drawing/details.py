"""What a page tells of every box: fields, shapes, costs, the lines of prototxt and of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from protonet.diagnostics import Source, Span
from protonet.drawing.box import kind_of, title_of, words_of
from protonet.drawing.words import sizes
from protonet.graph import Graph, Node
from protonet.graph.cost import LayerCost, costs
from protonet.graph.group import LayerGroup
from protonet.plain import plain
from protonet.schema.unbind import to_text
from protonet.text.parse import parse
from protonet.text.tree import Block, Field

_LONGEST = 20_000  # characters of prototxt that are shown of one layer


def details(graph: Graph, boxes: Sequence[LayerGroup]) -> list[dict[str, Any]]:
    """One entry a box; every text in it is to be shown as text."""
    by_node = {layer.node: layer for layer in costs(graph).layers}
    ends = _ends(graph)
    return [
        {
            "title": title_of(box),
            "kind": kind_of(box),
            "words": words_of(box),
            "layers": [_layer(by_node[node], ends) for node in box.nodes],
            "below": sorted({source.index for source, _ in box.sources}),
        }
        for box in boxes
    ]


def _layer(cost: LayerCost, ends: Mapping[int, int]) -> dict[str, Any]:
    node = cost.node
    shared = [p.name for p in node.params if p.name and p.owner is not node]
    start, end = _place(node, ends)
    return {
        "name": plain(node.name, 500),
        "key": node.name,
        "type": node.type,
        "fields": list(_fields(node)),
        "bottoms": [[plain(v.blob, 200), sizes(v.shape, batch=True)] for v in node.inputs],
        "tops": [[plain(v.blob, 200), sizes(v.shape, batch=True)] for v in node.outputs],
        "parameters": cost.parameters,
        "statistics": cost.statistics,
        "adds": cost.multiply_adds,
        "forward": cost.forward,
        "training": cost.training,
        "field": _seen(cost),
        "shared": [plain(name, 200) for name in shared],
        "losses": [w for w in node.loss_weights if w],
        "line": node.span.line if node.span else 0,
        "start": start,
        "end": end,
        "prototxt": _lines(node, ends),
    }


def _seen(cost: LayerCost) -> str:
    field = cost.field
    if field is None or field.covers_all:
        return "all of the input" if field else ""
    stride = "×".join(map(str, field.stride))
    offset = "×".join(map(str, field.offset))
    return f"{'×'.join(map(str, field.size))}, stride {stride}, from {offset}"


def _fields(node: Node) -> Iterator[tuple[str, str]]:
    """The fields that the definition states of the type's own message, nested ones by a dot."""
    inside: list[str] = []
    for line in to_text(node.layer.p).splitlines() if node.layer.p is not None else ():
        text = line.strip()
        if text.endswith("{"):
            inside.append(text[:-1].strip())
        elif text == "}":
            inside.pop()
        else:
            name, _, value = text.partition(": ")
            yield ".".join([*inside, name]), plain(value, 200)


def _source(graph: Graph) -> Source | None:
    return next((node.span.source for node in graph.nodes if node.span), None)


def _ends(graph: Graph) -> dict[int, int]:
    """Where each block of the text that begins at an offset ends."""
    source = _source(graph)
    waiting: list[Field | Block] = list(parse(source).items) if source and source.text else []
    ends: dict[int, int] = {}
    for item in waiting:
        if isinstance(item, Block):
            ends[item.start] = item.end
            waiting.extend(inner for inner in item.items if isinstance(inner, Block))
    return ends


def _whole(node: Node, ends: Mapping[int, int]) -> Span | None:
    if node.span is None or not node.span.source.text:
        return None
    return Span(node.span.source, node.span.start, ends.get(node.span.start, node.span.end))


def _place(node: Node, ends: Mapping[int, int]) -> tuple[int, int]:
    """First and last line of a layer, from 1; 0 and 0 without a text."""
    span = _whole(node, ends)
    if span is None:
        return 0, 0
    return span.line, span.source.position(max(span.start, span.end - 1))[0]


def _lines(node: Node, ends: Mapping[int, int]) -> str:
    """The layer as it stands in the text, else as it is."""
    span = _whole(node, ends)
    text = to_text(node.layer.message)
    if span is not None:
        text = span.source.text[span.start : span.end]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n…"
