"""Labels as whole numbers at the door, where several layers take them so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from protonet.graph import Graph
from protonet.program.expr import Attribute, Call, Expr, Name
from protonet.program.parts import every
from protonet.program.program import Free, Program, Statement

_BEFORE = {"detach", "squeeze"}  # what may stand between a label and its conversion


def whole_labels(program: Program, graph: Graph) -> Program:
    """Turn a variable into integers once, where all that reads it does, and more than one."""
    statements = [s for s in program.main.statements if isinstance(s, Statement)]
    reads = Counter(name for s in statements for name in s.value.reads())
    reads.update(program.main.result.reads() if program.main.result is not None else ())
    turned = Counter(label.name for s in statements for label in _labels(s.value))
    once = Counter(target for s in statements for target in s.target.split(", "))
    once.update(program.main.arguments)
    labels = {n for n, c in turned.items() if c == reads[n] and c > 1 and once[n] == 1}
    if not labels:
        return program
    arguments = [name for name in program.main.arguments if name in labels]
    made: list[Statement | Free] = [_conversion(name, statements) for name in arguments]
    for one in program.main.statements:
        assert isinstance(one, Statement)
        made.append(replace(one, value=one.value.changed(lambda part: _taken(part, labels))))
        given = labels.intersection(one.target.split(", "))
        made += [_conversion(name, statements) for name in sorted(given)]
    cls = replace(program.main, statements=tuple(made))
    return replace(program, classes=(*program.classes[:-1], cls))


def _conversion(name: str, statements: list[Statement]) -> Statement:
    """``label = label.long()``, there for the layer that first needs it."""
    first = next(s for s in statements if name in s.value.reads())
    return Statement(name, Name(name).long(), first.origin)


def _labels(value: Expr) -> Iterator[Name]:
    """The names that an expression turns into integers."""
    return (label for part in every(value) if (label := _label(part)) is not None)


def _label(part: Expr) -> Name | None:
    """The name in ``label.long()`` or ``label.squeeze(1).long()``, of such an expression."""
    if not _is_call(part, {"long"}):
        return None
    inner = _receiver(part)
    while _is_call(inner, _BEFORE):
        inner = _receiver(inner)
    return inner if isinstance(inner, Name) else None


def _taken(part: Expr, labels: set[str]) -> Expr:
    """The expression without the conversion of a label that is whole already."""
    label = _label(part)
    if label is None or label.name not in labels:
        return part
    return _receiver(part).changed(lambda p: _receiver(p) if _is_call(p, {"detach"}) else p)


def _is_call(part: Expr, names: set[str]) -> bool:
    """Whether an expression calls a method of one of these names."""
    function = part.function if isinstance(part, Call) else None
    return isinstance(function, Attribute) and function.name in names


def _receiver(part: Expr) -> Expr:
    """What a method is called of."""
    assert isinstance(part, Call)
    assert isinstance(part.function, Attribute)
    return part.function.value
