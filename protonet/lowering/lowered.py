"""A graph and the programs that it became."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.graph import Graph
from protonet.program.program import Program


@dataclass(frozen=True)
class Lowered:
    """A net on its way to a module.

    ``flat`` has one statement after the other, layer by layer, and returns nothing; ``program``
    is what is printed and run, the same after the passes.
    """

    graph: Graph
    flat: Program
    program: Program

    def path(self, flat: str) -> str:
        """Where the module has what the flat program has under a dotted path."""
        attribute, dot, rest = flat.partition(".")
        return f"{self.program.paths.get(attribute, attribute)}{dot}{rest}"
