"""What parameters start from, and which of them stay there."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph, Node
from protonet.layers.filler import fill
from protonet.program.builder import Builder
from protonet.program.program import Class, Fill, Frozen, Helper, Program


def initialise(program: Program, graph: Graph) -> Program:
    """Fill every parameter by its filler, and freeze those that are not learned.

    The helpers are put in the order of the layers that first need them.
    """
    attributes = {part.origin: part.attribute for part in program.main.submodules}
    shared = {share.target for share in program.main.shares}
    helpers = list(program.helpers)
    fills: list[Fill] = []
    frozen: list[Frozen] = []
    for node in graph.nodes:
        attribute = attributes.get(node.origin)
        if attribute is None:
            continue
        b = Builder(attribute, (), ())
        for param, blob in zip(node.params, node.blobs, strict=True):
            path, filler = f"{attribute}.{blob.name}", param.blob.filler
            if path in shared:
                continue
            if filler is not None and (filler.ListFields() or program.training):
                value = fill(b, b.parameter(blob.name), param.blob)
                fills.append(Fill(value, node.origin))
            if not param.is_statistic and not graph.computes_gradient(param):
                frozen.append(Frozen(path, node.origin))
        helpers += [Helper(helper, node.origin) for helper in b.helpers]
    cls: Class = replace(program.main, fills=tuple(fills), frozen=tuple(frozen))
    return replace(program, classes=(cls,), helpers=_ordered(helpers, graph.nodes))


def _ordered(helpers: list[Helper], nodes: list[Node]) -> tuple[Helper, ...]:
    """Each helper once, in the order of the layers."""
    order = {node.origin: index for index, node in enumerate(nodes)}
    first: dict[object, Helper] = {}
    for helper in sorted(helpers, key=lambda h: order[h.origin]):  # type: ignore[index]
        first.setdefault(helper.code, helper)
    return tuple(first.values())
