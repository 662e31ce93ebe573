"""The table of a net: layer, type, output shape, parameters, multiply-adds."""

from __future__ import annotations

from protonet.graph import Graph, Node
from protonet.layers.base import show

_HEADS = ("layer", "type", "output", "parameters", "multiply-adds")


def table(graph: Graph) -> str:
    """Aligned text, a line a layer, with totals: what people paste into bug reports."""
    seen: set[object] = set()
    rows: list[tuple[str, ...]] = []
    for node in graph.nodes:
        own = [p for p in node.params if p not in seen]
        seen.update(own)
        size = sum(p.size for p in own if not p.is_statistic)
        shapes = ", ".join(show(v.shape) for v in node.outputs)
        rows.append((_plain(node.name), node.type, shapes, _number(size), _number(adds(node))))
    total = ("total", f"{len(graph.nodes)} layers", "")
    sums = (f"{graph.parameter_count:,}", f"{sum(map(adds, graph.nodes)):,}")
    return _aligned([_HEADS, *rows, (*total, *sums)])


def adds(node: Node) -> int:
    """Multiply-adds of one layer."""
    bottoms = tuple(v.shape for v in node.inputs)
    return node.layer.multiply_adds(bottoms, tuple(v.shape for v in node.outputs))


def _plain(name: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in name)
    return shown if len(shown) <= 48 else f"{shown[:47]}…"


def _number(n: int) -> str:
    return f"{n:,}" if n else ""


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join([*left, *right]).rstrip())
    rule = "─" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
