"""The lines of PyTorch that each layer became; this alone of the drawings needs torch."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

from protonet.api import program
from protonet.graph import Graph
from protonet.selection import Selection


def has_torch() -> bool:
    """Whether PyTorch is there, found without importing it."""
    return importlib.util.find_spec("torch") is not None


def emitted(net: Any, graph: Graph, selection: Selection) -> dict[str, list[str]]:
    """By layer: its module, its fillers and its statements, as ``protonet compile`` writes them."""
    from protonet.codegen import source

    made = program(net, selection)
    lines = source(made).splitlines()
    blobs = dict.fromkeys(v.blob for node in graph.nodes for v in node.outputs)
    variables = dict(zip(blobs, made.variables, strict=True))
    modules = dict(made.layers)
    for name, places in made.blobs.items():
        if places:  # a layer that was folded into another's module
            modules.setdefault(name, places[0].name.partition(".")[0])
    found: dict[str, list[str]] = {}
    for node in graph.nodes:
        attribute = modules.get(node.name)
        targets = {variables[value.blob] for value in node.outputs}
        found[node.name] = list(_lines(lines, attribute, targets, only_module=bool(attribute)))
    return found


def _lines(
    lines: list[str], attribute: str | None, targets: set[str], *, only_module: bool
) -> Iterator[str]:
    """The statements, whole where they take several lines, that use a module or set a variable."""
    for statement in _statements(lines):
        text = " ".join(statement)
        target = text.strip().partition(" = ")[0]
        uses = attribute and re.search(rf"self\.{re.escape(attribute)}\b", text)
        sets = not only_module and bool(targets & set(target.split(", ")))
        if uses or sets:
            indent = len(statement[0]) - len(statement[0].lstrip())
            yield "\n".join(line[indent:] for line in statement)


def _statements(lines: list[str]) -> Iterator[list[str]]:
    """The statements inside the class, by indentation: 8 columns, and what belongs to it."""
    inside = False
    current: list[str] = []
    for line in lines:
        if line.startswith(("class ", "if __name__")):
            inside = line.startswith("class ")
        elif inside and line.startswith("        "):
            goes_on = line.startswith("         ") or line.strip()[:1] in ")]}"
            if current and not goes_on:
                yield current
                current = []
            current.append(line)
        elif current:
            yield current
            current = []
    if current:
        yield current
