"""Convolution and normalization as one small class, where there are many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from protonet.lowering.outline.family import Family, Find
from protonet.lowering.outline.flow import ValueFlow
from protonet.lowering.outline.form import Key
from protonet.lowering.outline.region import Region
from protonet.program.expr import Call, Expr, Name, Ref
from protonet.program.program import Class, Statement

Flows = Callable[[Class, bool], ValueFlow]


def units(flows: Sequence[ValueFlow]) -> list[Family]:
    """The statement of several submodules that saves most lines, if any is worth a class."""
    found: dict[Key, list[Region]] = {}
    for region in _statements(flows):
        found.setdefault(region.key, []).append(region)
    made = [
        Family(uses[0], tuple(uses), (True,) * len(uses))
        for uses in found.values()
        if len(uses) > 1
    ]
    best = max(made, key=lambda family: family.saved, default=None)
    return [best] if best is not None and best.saved > 0 else []


def _statements(flows: Sequence[ValueFlow]) -> Iterator[Region]:
    for one in flows:
        if len(one.statements) == 1:
            continue
        for index, form in enumerate(one.forms):
            single = len(one.sources[index]) == 1 and len(one.makes[index]) == 1
            if one.free[index] and single and len(form.modules) > 1:
                yield Region(one, index, index + 1)


def bare(
    classes: Sequence[Class], flow: Flows, find: Find, strict: bool
) -> tuple[list[Class], list[Family]]:
    """What is found in the classes, their activations apart where more is alike then."""
    found = find([flow(cls, strict) for cls in classes])
    apart = [_apart(cls) for cls in classes]
    if any(one is not other for one, other in zip(apart, classes, strict=True)):
        more = find([flow(cls, strict) for cls in apart])
        if sum(family.saved for family in more) > sum(family.saved for family in found):
            return apart, more
    return list(classes), found


def _apart(cls: Class) -> Class:
    made: list[Statement] = []
    for statement in cls.statements:
        assert isinstance(statement, Statement)
        value = statement.value
        inner = value.args[0] if isinstance(value, Call) and len(value.args) == 1 else None
        if isinstance(value, Call) and isinstance(value.function, Ref) and _is_unit(inner):
            assert inner is not None
            made.append(replace(statement, value=inner))
            outer = Call(value.function, (Name(statement.target),), value.kwargs)
            made.append(replace(statement, value=outer))
        else:
            made.append(statement)
    return replace(cls, statements=tuple(made)) if len(made) > len(cls.statements) else cls


def _is_unit(value: Expr | None) -> bool:
    """Whether a value is a submodule called on what another one gives."""
    nested = (
        isinstance(value, Call) and len(value.args) == 1 and not isinstance(value.function, Ref)
    )
    return nested and isinstance(value.args[0], Call)  # type: ignore[union-attr]
