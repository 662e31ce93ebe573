"""From a graph to a flat program: every layer once, in its order, with statements of its own."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace

from protonet.graph import Graph, Node, Value
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.builder import Builder
from protonet.program.expr import Expr, Name
from protonet.program.names import Names, class_name, identifiers
from protonet.program.program import Class, Helper, Program, Statement, Submodule

_LONGEST_TARGET = 74
LOADING = {"Any", "Path", "WEIGHTS", "load", "load_model"}
RESERVED = {*dir(builtins), "self", "torch", "nn", "F", "math", "LAYERS", "objective"}


def lower(graph: Graph, title: str = "") -> Program:
    """Lower every node of a graph once. The program returns nothing yet."""
    return _Lowering(graph).run(title)


def named(graph: Graph, taken: frozenset[str]) -> tuple[str, dict[str, str]]:
    """The name of a net's class, and a variable for every blob, none of them ``taken``."""
    name = class_name(graph.called)
    name = f"{name}Net" if name in {*RESERVED, *LOADING, *taken} else name
    blobs = [value.blob for node in graph.nodes for value in node.outputs]
    return name, identifiers(blobs, {*RESERVED, *taken, name})


def taken(program: Program) -> Names:
    """The names that no new variable of a program can have."""
    targets = (s.target for s in program.main.statements if isinstance(s, Statement))
    own = (target for several in targets for target in several.split(", "))
    return Names({*RESERVED, program.name, *program.variables.values(), *own, *brought(program)})


def brought(program: Program) -> set[str]:
    """The names that helpers and imports bring with them."""
    helpers = {helper.code.__name__ for helper in program.helpers}
    return helpers | {module.partition(".")[0] for module in program.imports}


class _Lowering:
    """The names given so far, and what the nodes so far became."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.name, self.variables = named(graph, frozenset())
        self.names = Names({*RESERVED, self.name, *self.variables.values()})
        self.attributes = identifiers((n.name for n in graph.nodes), MODULE_ATTRIBUTES)
        self.attribute_names = Names({*MODULE_ATTRIBUTES, *self.attributes.values()})
        self.attributes_used: set[str] = set()
        self.submodules: list[Submodule] = []
        self.statements: list[Statement] = []
        self.helpers: list[Helper] = []
        self.imports: list[str] = []

    def run(self, title: str) -> Program:
        for node in self.graph.nodes:
            if not node.layer.is_data:
                self.lower(node)
        inputs = self.graph.inputs
        cls = Class(
            self.name,
            tuple(self.variables[value.blob] for value in inputs),
            tuple(self.submodules),
            statements=tuple(self.statements),
        )
        return Program(
            title,
            (cls,),
            tuple(self.helpers),
            tuple(dict.fromkeys(self.imports)),
            tuple(value.shape for value in inputs),
            self.graph.phase == "TRAIN",
            self.variables,
        )

    def lower(self, node: Node) -> None:
        b = self.builder(node)
        bottoms = [self.bottom(node, i, value) for i, value in enumerate(node.inputs)]
        if node.layer.needs_elements and 0 in b.bottoms[0][1:]:
            tops: tuple[Expr, ...] = tuple(bottoms[0].new_zeros(shape) for shape in b.tops)
        else:
            result = node.layer.lower(b, *bottoms)
            tops = result if isinstance(result, tuple) else (result,)
        self.record(node, b)
        for target, expr in b.statements:
            self.state(node, target, expr)
        self.assign(node, tops)

    def builder(self, node: Node) -> Builder:
        attribute = self.attributes[node.name]
        if attribute in self.attributes_used:
            attribute = self.attribute_names.free(attribute)
        bottoms = tuple(value.shape for value in node.inputs)
        b = Builder(attribute, bottoms, tuple(value.shape for value in node.outputs))
        b.names = self.names
        return b

    def bottom(self, node: Node, index: int, value: Value) -> Expr:
        expr = Name(self.variables[value.blob])
        stop = not node.propagate_down[index] and not self.graph.force_backward
        # A label that nothing else reads has no gradient, but where the net wants the inputs'.
        alone = value.uses == 1 and value.producer.layer.is_data and not self.graph.force_backward
        constant = index in node.layer.constant_bottoms() and not alone
        return expr.detach() if stop or constant else expr

    def record(self, node: Node, b: Builder) -> None:
        self.helpers += [Helper(helper, node.origin) for helper in b.helpers]
        self.imports += b.imports
        if b.submodule is not None:
            self.attributes_used.add(b.attribute)
            self.submodules.append(Submodule(b.attribute, b.submodule, node.origin))

    def assign(self, node: Node, tops: tuple[Expr, ...]) -> None:
        if len(tops) == 1 and len(node.outputs) > 1:
            tops = tuple(self.unpacked(node, tops[0]))
        assert len(tops) == len(node.outputs), f"{node.type} gives {len(tops)} tops"
        for value, expr in zip(node.outputs, tops, strict=True):
            variable = self.variables[value.blob]
            if isinstance(expr, Name) and expr.name == variable:
                self.join(node, variable)
            else:
                self.state(node, variable, expr)

    def unpacked(self, node: Node, expr: Expr) -> Iterator[Expr]:
        """The parts of an expression whose value is a tuple, each under its top's name."""
        names = [self.variables[value.blob] for value in node.outputs]
        together = ", ".join(names)
        if len(together) <= _LONGEST_TARGET:
            self.state(node, together, expr)
            return (Name(name) for name in names)
        parts = self.names.free("parts")
        self.state(node, parts, expr)
        return (Name(parts)[index] for index in range(len(names)))

    def state(self, node: Node, target: str, expr: Expr) -> None:
        self.statements.append(Statement(target, expr, node.origin))

    def join(self, node: Node, variable: str) -> None:
        """Let a layer that changes nothing count to the statement before, where that is its own."""
        last = self.statements[-1] if self.statements else None
        if last and last.target == variable and last.origin != node.origin:
            self.statements[-1] = replace(last, origin=(*last.origin, *node.origin))
