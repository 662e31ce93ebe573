"""The lines of PyTorch that each layer became."""

from __future__ import annotations

from protonet.api import lowered
from protonet.graph import Graph
from protonet.schema.load import Readable
from protonet.selection import Selection


def emitted(net: Readable, graph: Graph, selection: Selection) -> dict[str, list[str]]:
    """By layer: its module, its fillers and its statements, as ``protonet compile`` writes them."""
    from protonet.program.source import printer

    program = lowered(net, selection, graph).program
    found: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for cls in program.classes:
        own: dict[str, list[str]] = {}
        for piece in printer(program).class_(cls):
            indent = len(piece.lines[0]) - len(piece.lines[0].lstrip())
            inside = "    " if cls.is_block else ""
            text = "\n".join(f"{inside}{line[indent:]}" for line in piece.lines)
            for name in dict.fromkeys(origin.name for origin in piece.origin):
                own.setdefault(name, []).append(text)
        for name, lines in own.items():
            found[name] += [f"class {cls.name}(nn.Module):", *lines] if cls.is_block else lines
    return found
