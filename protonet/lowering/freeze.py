"""Parameters that are not learned, module by module instead of one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from protonet.graph import Graph
from protonet.lowering.each import kinds_of, lines_of
from protonet.program.expr import Attribute, Name, Ref
from protonet.program.program import Case, Each, Frozen, Program

_FEWEST = 3  # modules of a kind, or neighbours, that are worth a loop
_CALL = (Name("module").requires_grad_(False), None)


def freeze_each(program: Program, graph: Graph) -> Program:
    """Freeze whole modules, all of a kind in a loop, or the net itself, where that is the same."""
    frozen = {one.path: one for one in program.main.frozen if isinstance(one, Frozen)}
    learnable = _learnable(program, graph)
    whole = {a: paths for a, paths in learnable.items() if paths and frozen.keys() >= paths}
    if frozen and whole.keys() == {a for a, paths in learnable.items() if paths}:
        origin = tuple(o for one in frozen.values() for o in one.origin)
        return _with(program, [Frozen("", origin)])
    cases: list[Case] = []
    for kind, attributes in kinds_of(program).items():
        own = [a for a in attributes if learnable.get(a)]
        if len(own) >= _FEWEST and all(a in whole for a in own):
            paths = [path for a in own for path in sorted(whole.pop(a))]
            origin = tuple(o for path in paths for o in frozen.pop(path).origin)
            cases.append(Case((Ref(kind),), (_CALL,), tuple(dict.fromkeys(origin))))
    loops = [Each((_joined(cases),))] if cases else []
    return _with(program, [*loops, *_modules(frozen, whole)])


def _with(program: Program, frozen: list[Frozen | Each]) -> Program:
    cls = replace(program.main, frozen=tuple(frozen))
    return replace(program, classes=(*program.classes[:-1], cls))


def _joined(cases: list[Case]) -> Case:
    """One case of all kinds, which do the same."""
    kinds = tuple(kind for case in cases for kind in case.kinds)
    return replace(cases[0], kinds=kinds, origin=tuple(o for case in cases for o in case.origin))


def _learnable(program: Program, graph: Graph) -> dict[str, set[str]]:
    """The paths of the parameters that each module has, by its attribute; not its statistics."""
    attributes = {part.origin: part.attribute for part in program.main.submodules}
    found: dict[str, set[str]] = {}
    for node in graph.nodes:
        attribute = attributes.get(node.origin)
        if attribute is not None:
            pairs = zip(node.params, node.blobs, strict=True)
            own = {f"{attribute}.{blob.name}" for param, blob in pairs if not param.is_statistic}
            found[attribute] = own
    return found


def _modules(frozen: dict[str, Frozen], whole: dict[str, set[str]]) -> Iterator[Frozen | Each]:
    """What is frozen, whole modules as such; neighbours in a loop where that is shorter."""
    made: list[Frozen] = []
    for attribute, own in groupby(frozen.values(), key=lambda one: one.path.split(".")[0]):
        parts = list(own)
        origin = tuple(o for one in parts for o in one.origin)
        if attribute in whole:
            parts = [Frozen(attribute, tuple(dict.fromkeys(origin)))]
        made += parts
    for is_whole, own in groupby(made, key=lambda one: one.path in whole):
        parts = list(own)
        origin = tuple(o for one in parts for o in one.origin)
        over = tuple(Attribute(Name("self"), one.path) for one in parts)
        each = Each((Case((), (_CALL,), origin),), over)
        if is_whole and len(parts) >= _FEWEST and lines_of(each) < len(parts):
            yield each
        else:
            yield from parts
