"""From a flat program to one with structure: blocks as classes, rows of them as sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protonet.graph import Graph
from protonet.lowering.free import has_much
from protonet.lowering.lower import brought
from protonet.lowering.outline.blocks import Outline
from protonet.lowering.outline.chains import chains
from protonet.lowering.outline.flow import flow
from protonet.lowering.outline.fuse import fused, in_order, parted
from protonet.lowering.outline.inline import inlined
from protonet.lowering.outline.lists import with_lists
from protonet.lowering.outline.members import counted
from protonet.lowering.outline.moved import with_paths
from protonet.lowering.outline.runs import with_runs
from protonet.lowering.outline.shared import with_shared
from protonet.lowering.outline.siblings import siblings
from protonet.lowering.outline.signatures import Signatures
from protonet.lowering.outline.units import units
from protonet.lowering.outline.variables import with_short_names
from protonet.program.program import Class, Program

LONG = 8  # statements of a net that people write line by line


def outline(program: Program, graph: Graph) -> Program:
    """The program with a class for every block that repeats; itself where it is short enough."""
    signatures = Signatures(program)
    taken = {*program.variables.values(), *brought(program)}
    shapes = {
        program.variables[value.blob]: value.shape for node in graph.nodes for value in node.outputs
    }
    main = fused(in_order(program.main, signatures), signatures)
    made = Outline(main, signatures, taken, shapes)
    made.repeat()
    made.repeat(chains, apart=True)
    made.repeat(units, strict=False, apart=True)
    made.repeat(siblings)
    is_short = len(main.statements) <= LONG and not has_much(program, graph)
    if len(made.classes) == 1 and is_short:
        return program
    names = brought(program)
    classes: list[Class] = []
    for cls in made.classes:
        classes.append(_tidied(made, cls, names, {one.name: one for one in classes}))
    paths = made.paths.changed()
    main = with_paths(classes[-1], paths)
    return replace(program, classes=(*classes[:-1], main), paths=paths)


def _tidied(made: Outline, cls: Class, taken: set[str], done: Mapping[str, Class]) -> Class:
    """A class with its rows, its short names and its short lines."""
    classes = {one.name: one for one in made.classes}
    is_block = cls is not made.classes[-1]
    for step in (lambda c: with_runs(c, classes, made.signatures), with_shared):
        cls, moves = step(cls)
        made.paths.move(moves)
    if is_block:
        cls, moves = counted(cls)
        made.paths.move(moves)
    cls, moves = with_lists(flow(cls, made.signatures), done, taken)
    made.paths.move(moves)
    cls = fused(cls, made.signatures)
    cls = parted(cls, made.signatures) if is_block else cls
    cls = with_short_names(cls, made.signatures, is_block, taken)
    return inlined(cls, made.signatures, 4 if is_block else 3)
