"""The layers of a net one by one, or in ranges, on the module that the net is.

A stage is a function over the module's own submodules, made of the same statements as its forward
pass. It says what a compiled whole does not show: what is between two layers.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from protonet.graph import Node, Value
from protonet.lowering import Lowered
from protonet.program.expr import Expr, Name, wrap
from protonet.program.path import at, attribute_of
from protonet.program.program import Origin, Statement
from protonet.program.source import printer

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Stage:
    """Some neighbouring layers: what they read from outside, and the last value of each blob.

    ``function`` takes the module and the bottoms, and returns the tops.
    """

    nodes: tuple[Node, ...]
    bottoms: tuple[Value, ...]
    tops: tuple[Value, ...]
    function: Callable[..., tuple[Tensor, ...]]

    @property
    def node(self) -> Node:
        """The layer of a stage of one."""
        (node,) = self.nodes
        return node

    def run(self, net: nn.Module, values: Mapping[Value, Tensor]) -> dict[Value, Tensor]:
        """The tops from the values of the bottoms, by the net's own parameters and state."""
        found = self.function(net, *(values[value] for value in self.bottoms))
        return dict(zip(self.tops, found, strict=True))


def stages(
    lowered: Lowered, net: nn.Module, runs: Sequence[Sequence[Node]] | None = None
) -> list[Stage]:
    """Stages of a module that was made of a program: each layer that has tops, or these runs.

    The functions go when the stages do.
    """
    if runs is None:
        computing = (n for n in lowered.graph.nodes if n.outputs and not n.layer.is_data)
        runs = [(node,) for node in computing]
    own = _statements(lowered)
    parts = [(tuple(run), *_ends(run)) for run in runs]
    text = "class Stages:\n" + "\n\n".join(
        _method(lowered, f"stage_{index}", bottoms, tops, [s for n in run for s in own(n)])
        for index, (run, bottoms, tops) in enumerate(parts)
    )
    made = _executed(text, vars(sys.modules[type(net).__module__])) if parts else None
    return [
        Stage(run, bottoms, tops, getattr(made, f"stage_{index}"))
        for index, (run, bottoms, tops) in enumerate(parts)
    ]


def _statements(lowered: Lowered) -> Callable[[Node], list[Statement]]:
    """What gives the flat statements that a node became."""
    found: dict[Origin, list[Statement]] = {}
    for statement in lowered.flat.main.statements:
        assert isinstance(statement, Statement)
        found.setdefault(statement.origin[0], []).append(statement)
    return lambda node: found.get(node.origin[0], [])


def _ends(run: Sequence[Node]) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """The values that a run reads from outside, and the last one of each blob that it makes."""
    made: dict[str, Value] = {}
    read: dict[Value, None] = {}
    for node in run:
        read.update(dict.fromkeys(v for v in node.inputs if made.get(v.blob) is not v))
        made.update((value.blob, value) for value in node.outputs)
    return tuple(read), tuple(made.values())


def _method(
    lowered: Lowered,
    name: str,
    bottoms: Sequence[Value],
    tops: Sequence[Value],
    statements: Sequence[Statement],
) -> str:
    variables = lowered.flat.variables
    arguments = [variables[value.blob] for value in bottoms]
    result = wrap(tuple(Name(variables[value.blob]) for value in tops))
    moved = [
        replace(s, value=s.value.changed(lambda part: _there(lowered, part))) for s in statements
    ]
    lines = printer(lowered.flat).method(name, arguments, moved, result)
    return "\n".join(line for piece in lines for line in piece.lines)


def _there(lowered: Lowered, part: Expr) -> Expr:
    """A submodule of the flat program, where the module has it."""
    attribute = attribute_of(part)
    moved = attribute and lowered.program.paths.get(attribute)
    return at(moved) if moved else part


def _executed(text: str, scope: Mapping[str, Any]) -> Any:
    """The class of a text, whose functions see the helpers of the net's own file."""
    filename = f"<stages {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
    namespace = dict(scope)
    exec(compile(text, filename, "exec", dont_inherit=True), namespace)  # noqa: S102 (our own text)
    made = namespace["Stages"]
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(made.stage_0, linecache.cache.pop, filename, None)
    return made
