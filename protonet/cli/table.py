"""The table of a net: what each layer gives out, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from protonet.garbage import uncollected
from protonet.graph import Graph
from protonet.graph.cost import LayerCost, NetCost, costs
from protonet.layers.base import show
from protonet.plain import plain

HEADS = (
    "layer",
    "type",
    "output",
    "parameters",
    "multiply-adds",
    "forward",
    "training",
    "field",
)
LONGEST = 48
_TEXT_COLUMNS = 3
_UNITS = ("B", "kB", "MB", "GB", "TB")


def table(graph: Graph) -> str:
    """Aligned text, a line a layer, with totals: what people paste into bug reports."""
    return aligned(costs(graph))


@uncollected()
def aligned(cost: NetCost) -> str:
    """The same for costs that are known already."""
    return in_columns([HEADS, *(row(layer) for layer in cost.layers), totals(cost)])


def row(layer: LayerCost) -> tuple[str, ...]:
    """The cells of one layer, as people read them."""
    return (
        plain(layer.node.name, LONGEST),
        plain(layer.node.type, LONGEST),
        ", ".join(show(v.shape) for v in layer.node.outputs),
        _number(layer.parameters),
        _number(layer.multiply_adds),
        size(layer.forward),
        size(layer.training),
        str(layer.field) if layer.field else "",
    )


def totals(cost: NetCost) -> tuple[str, ...]:
    """The cells of the last line; forward is the peak."""
    numbers = (f"{cost.parameters:,}", f"{cost.multiply_adds:,}")
    layers = len(cost.graph.nodes)
    count = f"{layers} layer{'' if layers == 1 else 's'}"
    return ("total", count, "", *numbers, size(cost.peak), size(cost.training), "")


def size(number: int) -> str:
    """Bytes as people write them: 1.2 MB."""
    if number < 1000:
        return f"{number} B" if number else ""
    power = min(4, (len(str(number)) - 1) // 3)
    amount = f"{number / 1000**power:.3g}"
    if amount == "1e+03" and power < 4:
        power, amount = power + 1, "1"
    return f"{amount if 'e' not in amount else number // 1000**power} {_UNITS[power]}"


def _number(n: int) -> str:
    return f"{n:,}" if n else ""


def in_columns(rows: Sequence[tuple[str, ...]], texts: int = _TEXT_COLUMNS) -> str:
    """Aligned text with a rule below the heads and above the totals, numbers to the right."""
    rows = [tuple(plain(cell) for cell in cells) for cells in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for cells in rows:
        left = [c.ljust(w) for c, w in zip(cells[:texts], widths, strict=False)]
        right = [c.rjust(w) for c, w in zip(cells[texts:], widths[texts:], strict=True)]
        lines.append("  ".join([*left, *right]).rstrip())
    rule = "─" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
