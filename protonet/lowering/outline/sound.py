"""Whether a program with blocks holds together; one that does not is written in one class."""

from __future__ import annotations

from protonet.program.expr import Call, Expr, Ref
from protonet.program.parts import every
from protonet.program.path import attribute_of
from protonet.program.program import Class, Program, Statement


def is_sound(program: Program) -> bool:
    """Whether classes call what they have, and are constructed with what they take.

    An outline that is not sound is a fault of ours; the net is right without it.
    """
    classes = {cls.name: cls for cls in program.classes}
    return all(_holds(cls, classes) for cls in program.classes)


def _holds(cls: Class, classes: dict[str, Class]) -> bool:
    own = {part.attribute for part in cls.submodules}
    given = {parameter.name for parameter in cls.parameters}
    values = [s.value for s in cls.statements if isinstance(s, Statement)]
    values += [] if cls.result is None else [cls.result]
    called = {name for value in values for part in every(value) if (name := attribute_of(part))}
    constructed = [part.call for part in cls.submodules]
    reads = {name for call in constructed for name in call.reads()}
    fits = all(_fits(part, classes) for call in constructed for part in every(call))
    return called <= own and reads <= given and len(own) == len(cls.submodules) and fits


def _fits(part: Expr, classes: dict[str, Class]) -> bool:
    """Whether the call of a block's constructor gives it what it needs, and nothing else."""
    callee = part.function if isinstance(part, Call) else None
    block = classes.get(callee.path) if isinstance(callee, Ref) else None
    if block is None or not isinstance(part, Call):
        return True
    names = [parameter.name for parameter in block.parameters]
    needed = {parameter.name for parameter in block.parameters if parameter.default is None}
    found = {*names[: len(part.args)], *part.kwargs}
    return len(part.args) <= len(names) and needed <= found <= set(names)
