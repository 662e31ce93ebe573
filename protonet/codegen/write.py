"""From a graph to a program: submodules, statements, fillers, and where each blob lives."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from protonet.codegen.attributes import MODULE_ATTRIBUTES
from protonet.codegen.free import frees
from protonet.codegen.layout import WIDTH
from protonet.codegen.sharing import same_tensor, view
from protonet.graph import Graph, Node, Value
from protonet.graph.graph import Param
from protonet.layers.base import count
from protonet.layers.filler import fill
from protonet.program.builder import Builder
from protonet.program.expr import Binary, Call, Expr, Literal, Mapping, Name
from protonet.program.names import class_name, identifiers, unused

_LONGEST_TARGET = 60
_LOADING = {"Path", "WEIGHTS", "load", "load_model"}
_VARIABLES = {*dir(builtins), "self", "torch", "nn", "F", "math", "LAYERS", "objective"}


@dataclass(frozen=True)
class BlobPlace:
    """Where a blob of a layer is in the state of the module, and how it is laid out there.

    ``kind`` is plain, transposed, folded (a statistic that torch holds already divided by
    Caffe's factor) or factor (that divisor, which torch does not hold; 1).
    """

    name: str
    shape: tuple[int, ...]
    kind: str = "plain"


@dataclass
class Program:
    """One nn.Module as data.

    ``moved`` are the shares that torch undoes whenever it moves the module: those of buffers.
    ``definition`` is the binary NetParameter that it comes from, ``weights`` the name of a file
    with its state, which the source loads.
    """

    name: str
    doc: str
    modules: list[tuple[str, Call]] = field(default_factory=list)
    shares: list[tuple[str, str]] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    fills: list[Expr] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    statements: list[tuple[str, Expr]] = field(default_factory=list)
    result: Expr | None = None
    helpers: list[Callable[..., Any]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, list[BlobPlace]] = field(default_factory=dict)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    training: bool = False
    variables: list[str] = field(default_factory=list)
    definition: bytes = b""
    weights: str = ""
    frees: dict[int, list[str]] = field(default_factory=dict)


def write(
    graph: Graph, outputs: Sequence[str] | None = None, faithful: bool = False, origin: str = ""
) -> Program:
    """Lower every node of a graph. ``outputs`` are blobs; by default the net's own outputs."""
    program = _Writer(graph, faithful, origin).run(outputs)
    helpers = {helper.__name__ for helper in program.helpers}
    helpers.update(module.partition(".")[0] for module in program.imports)
    if helpers & {program.name, *program.variables}:
        program = _Writer(graph, faithful, origin, frozenset(helpers)).run(outputs)
    return program


class _Writer:
    def __init__(
        self, graph: Graph, faithful: bool, origin: str, helpers: frozenset[str] = frozenset()
    ) -> None:
        self.graph = graph
        self.faithful = faithful
        name = class_name(graph.name)
        name = f"{name}Net" if name in {*_VARIABLES, *_LOADING} or name in helpers else name
        self.program = Program(name, origin, training=graph.phase == "TRAIN")
        self.taken = {*_VARIABLES, *helpers, name}
        blobs = [v.blob for n in graph.nodes for v in n.outputs]
        self.variables = identifiers(blobs, self.taken)
        self.program.variables = list(self.variables.values())
        self.taken.update(self.program.variables)
        self.attributes = identifiers((n.name for n in graph.nodes), MODULE_ATTRIBUTES)
        self.attributes_used: set[str] = set()
        self.pending: dict[Value, Expr] = {}
        self.places: dict[Param, BlobPlace] = {}

    def run(self, outputs: Sequence[str] | None) -> Program:
        program, nodes = self.program, self.graph.nodes
        if self.graph.definition is not None:
            program.definition = self.graph.definition.SerializeToString(deterministic=True)
        program.arguments = [self.variables[v.blob] for v in self.graph.inputs]
        program.shapes = [v.shape for v in self.graph.inputs]
        for index, node in enumerate(nodes):
            if not node.layer.is_data:
                self.lower(node, nodes[index + 1] if index + 1 < len(nodes) else None)
        program.result = self.result(outputs)
        if not program.training:
            program.frees = frees(program.statements, program.result, self.sizes())
        return program

    def sizes(self) -> dict[str, int]:
        """Elements of the largest value under each variable; the arguments are the caller's."""
        sizes: dict[str, int] = {}
        for node in self.graph.nodes:
            for value in () if node.layer.is_data else node.outputs:
                name = self.variables[value.blob]
                sizes[name] = max(sizes.get(name, 0), count(value.shape))
        for value in self.graph.inputs:
            sizes.pop(self.variables[value.blob], None)
        return sizes

    def lower(self, node: Node, following: Node | None) -> None:
        bottoms = [self.bottom(node, i, v) for i, v in enumerate(node.inputs)]
        b, tops = self.lowered(node, bottoms)
        if self.pending:
            texts = [t for t in tops if isinstance(t, Expr)]
            used = sum(
                e is x
                for t in (*texts, *(s[1] for s in b.statements))
                for e in t.walk()
                for x in self.pending.values()
            )
            too_long = any(len(t.text()) + 24 > WIDTH for t in texts)
            if used > 1 or b.statements or too_long:
                self.flush()
                bottoms = [self.bottom(node, i, v) for i, v in enumerate(node.inputs)]
                b, tops = self.lowered(node, bottoms)
        self.pending.clear()
        self.record(node, b)
        self.program.statements.extend(b.statements)
        self.taken.update(name for name, _ in b.statements)
        self.assign(node, tops, following)

    def bottom(self, node: Node, index: int, value: Value) -> Expr:
        expr = self.pending.get(value) or Name(self.variables[value.blob])
        stop = not node.propagate_down[index] and not self.graph.force_backward
        # A label that nothing else reads has no gradient anyway.
        shared = value.uses > 1 or not value.producer.layer.is_data
        constant = index in node.layer.constants and shared
        return expr.detach() if stop or constant else expr

    def lowered(self, node: Node, bottoms: list[Expr]) -> tuple[Builder, tuple[Expr, ...]]:
        shapes = tuple(v.shape for v in node.inputs)
        attribute = self.attributes[node.name]
        if attribute in self.attributes_used:
            taken = {*MODULE_ATTRIBUTES, *self.attributes_used, *self.attributes.values()}
            attribute = identifiers([attribute], taken)[attribute]
        b = Builder(attribute, shapes, tuple(v.shape for v in node.outputs))
        b.taken = self.taken
        b.views = self.views(node)
        if node.layer.needs_elements and 0 in shapes[0][1:]:
            return b, tuple(bottoms[0].new_zeros(shape) for shape in b.tops)
        result = node.layer.lower(b, *bottoms)
        return b, result if isinstance(result, tuple) else (result,)

    def views(self, node: Node) -> dict[str, Expr]:
        """The parameters of a node that are another's, but not as torch holds that one."""
        own = node.layer.blob_shapes(*(v.shape for v in node.inputs))
        return {
            node.layer.blobs[i]: view(self.places[param].name, param, node.layer, i, own[i])
            for i, param in enumerate(node.params)
            if param in self.places and not same_tensor(param, node.layer, i, own[i])
        }

    def flush(self) -> None:
        for value, expr in self.pending.items():
            self.program.statements.append((self.variables[value.blob], expr))
        self.pending.clear()

    def assign(self, node: Node, tops: tuple[Expr, ...], following: Node | None) -> None:
        if len(tops) == 1 and len(node.outputs) > 1:
            tops = self.unpacked(node, tops[0])
        assert len(tops) == len(node.outputs), f"{node.type} gives {len(tops)} tops"
        if len(tops) == 1 and self.may_nest(node.outputs[0], following):
            self.pending[node.outputs[0]] = tops[0]
            return
        for value, expr in zip(node.outputs, tops, strict=True):
            variable = self.variables[value.blob]
            if not (isinstance(expr, Name) and expr.name == variable):
                self.program.statements.append((variable, self.shortened(variable, expr)))

    def shortened(self, variable: str, expr: Expr) -> Expr:
        """The expression, its call in a statement of its own where both do not fit on a line."""
        too_long = len(f"        {variable} = {expr.text()}") > WIDTH
        if not (too_long and isinstance(expr, Binary) and isinstance(expr.left, Call)):
            return expr
        part = unused(f"{variable}_part", self.taken)
        self.taken.add(part)
        self.program.statements.append((part, expr.left))
        return Binary(expr.operator, expr.strength, Name(part), expr.right)

    def unpacked(self, node: Node, expr: Expr) -> tuple[Expr, ...]:
        """The parts of an expression whose value is a tuple, each under its top's name."""
        names = [self.variables[value.blob] for value in node.outputs]
        together = ", ".join(names)
        if len(together) <= _LONGEST_TARGET:
            self.program.statements.append((together, expr))
            return tuple(Name(name) for name in names)
        parts = unused("parts", self.taken)
        self.taken.add(parts)
        self.program.statements.append((parts, expr))
        return tuple(Name(parts)[i] for i in range(len(names)))

    def may_nest(self, value: Value, following: Node | None) -> bool:
        """Whether the next layer alone reads a value and puts its own in its place."""
        if self.faithful or following is None or value not in following.inputs:
            return False
        in_place = len(following.outputs) == 1 and following.outputs[0].blob == value.blob
        return in_place and value.uses == 1

    def record(self, node: Node, b: Builder) -> None:
        program = self.program
        for helper in b.helpers:
            if helper not in program.helpers:
                program.helpers.append(helper)
        program.imports += [module for module in b.imports if module not in program.imports]
        if b.submodule is None:
            program.blobs.setdefault(node.name, [])
            return
        self.attributes_used.add(b.attribute)
        program.modules.append((b.attribute, b.submodule))
        program.layers[node.name] = b.attribute
        for layer, given in node.layer.places(node.name, b.attribute, node.params).items():
            places = [BlobPlace(*place) for place in given]
            if b.views:
                places = self.borrowed(node, b, places)
            # Of two layers with one name Caffe, too, loads the first.
            program.blobs.setdefault(layer, places)
        for index, param in enumerate(node.params):
            self.parameter(node, b, index, param)

    def borrowed(self, node: Node, b: Builder, places: list[BlobPlace]) -> list[BlobPlace]:
        """The places of a node's blobs, those that are another's in the shape they have here."""
        own = node.layer.blob_shapes(*b.bottoms)
        for index, param in enumerate(node.params):
            if node.layer.blobs[index] in b.views:
                places[index] = replace(self.places[param], shape=own[index])
        return places

    def parameter(self, node: Node, b: Builder, index: int, param: Param) -> None:
        blob = node.layer.blobs[index]
        name = f"{b.attribute}.{blob}"
        if blob in b.views:
            self.program.shares.append((f"self.{name}", "None"))
            return
        if param in self.places:
            pair = (f"self.{name}", f"self.{self.places[param].name}")
            self.program.shares.append(pair)
            self.program.moved.extend([pair] if param.is_statistic else [])
            return
        kind = "transposed" if node.layer.transposed(index) else "plain"
        self.places[param] = BlobPlace(name, param.shape, kind)
        if param.filler is not None and (param.filler.ListFields() or self.program.training):
            self.program.fills.append(fill(b, b.parameter(blob), param.filler, param.shape))
            for helper in b.helpers:
                if helper not in self.program.helpers:
                    self.program.helpers.append(helper)
        if param.lr_mult == 0 and not param.is_statistic:
            self.program.frozen.append(f"self.{name}")

    def result(self, outputs: Sequence[str] | None) -> Expr:
        graph = self.graph
        if outputs is not None:
            return Mapping({blob: Name(self.variables[blob]) for blob in outputs})
        ends = [v for v in graph.outputs if not v.producer.layer.is_data] or graph.outputs
        objective = self.objective() if self.program.training else None
        if objective is None and len(ends) == 1:
            return Name(self.variables[ends[0].blob])
        returned: dict[str, Expr] = {v.blob: Name(self.variables[v.blob]) for v in ends}
        if objective is not None:
            self.program.statements.append(("objective", objective))
            returned["objective"] = Name("objective")
        return Mapping(returned)

    def objective(self) -> Expr | None:
        """The weighted sum of the losses, as Net::ForwardFromTo adds them up."""
        total: Expr | None = None
        for node in self.graph.nodes:
            for value, weight in zip(node.outputs, node.loss_weights, strict=True):
                if weight:
                    loss: Expr = Name(self.variables[value.blob])
                    loss = loss.sum() if value.shape else loss
                    loss = loss if weight == 1 else Literal(weight) * loss
                    total = loss if total is None else total + loss
        return total
