"""The lines of PyTorch that each layer became; this alone of the drawings needs torch."""

from __future__ import annotations

import importlib.util

from protonet.api import lowered
from protonet.graph import Graph
from protonet.schema.load import Readable
from protonet.selection import Selection


def has_torch() -> bool:
    """Whether PyTorch is there, found without importing it."""
    return importlib.util.find_spec("torch") is not None


def emitted(net: Readable, graph: Graph, selection: Selection) -> dict[str, list[str]]:
    """By layer: its module, its fillers and its statements, as ``protonet compile`` writes them."""
    from protonet.program.source import printer

    program = lowered(net, selection, graph).program
    found: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for cls in program.classes:
        for piece in printer(program).class_(cls):
            for name in dict.fromkeys(origin.name for origin in piece.origin):
                indent = len(piece.lines[0]) - len(piece.lines[0].lstrip())
                found[name].append("\n".join(line[indent:] for line in piece.lines))
    return found
