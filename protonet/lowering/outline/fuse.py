"""What a person writes as one: a convolution, its normalization and its activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protonet.lowering.outline.flow import Made, ValueFlow, flow
from protonet.lowering.outline.kind import joined
from protonet.lowering.outline.signatures import Signatures
from protonet.program.expr import Binary, Call, Expr, Name, Ref
from protonet.program.parts import every
from protonet.program.path import attribute_of
from protonet.program.program import Class, Statement

_LIGHT = ("Norm", "Dropout", "ReLU", "Scale")  # parts of the names of submodules
_ACTIVATIONS = frozenset(
    [
        "relu",
        "relu6",
        "leaky_relu",
        "prelu",
        "elu",
        "celu",
        "selu",
        "silu",
        "gelu",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "softplus",
        "sigmoid",
        "tanh",
        "clamp",
        "dropout",
    ]
)
MOST_CALLS = 4


def fused(cls: Class, signatures: Signatures) -> Class:
    """The class with light work on a value written around the value, where that alone reads it."""
    known = flow(cls, signatures)
    made: list[Statement] = []
    at = -1  # the index of the statement that is the last of those made
    for index, statement in enumerate(known.statements):
        before = made[-1] if made else None
        if before is not None and _is_light(known, index) and _alone(known, index, at):
            value = put(before, statement)
            whole = joined(before.value) or _is_block(known, at)
            fits = not whole or not known.forms[index].modules
            if fits and calls(value) <= MOST_CALLS:
                origin = (*before.origin, *statement.origin)
                made[-1] = replace(statement, value=value, origin=origin)
                at = index
                continue
        made.append(statement)
        at = index
    return replace(cls, statements=tuple(made))


def parted(cls: Class, signatures: Signatures) -> Class:
    """A class that activates first, with each convolution apart from what follows on it."""
    known = flow(cls, signatures)
    if not (known.statements and _is_light(known, 0)):
        return cls
    made: list[Statement] = []
    for statement in known.statements:
        inner, outer = _heavy(known, statement.value), statement.value
        if inner is None or inner is outer:
            made.append(statement)
            continue
        made.append(replace(statement, value=inner))
        made.append(replace(statement, value=_around(outer, inner, Name(statement.target))))
    return replace(cls, statements=tuple(made))


def _around(outer: Expr, inner: Expr, name: Name) -> Expr:
    """An expression with a name for a part of it."""
    return outer.changed(lambda part: name if part is inner else part)


def _is_block(known: ValueFlow, index: int) -> bool:
    """Whether a statement calls a block, but for one of a single convolution."""
    modules = [known.modules[name] for name in known.forms[index].modules]
    return any(known.is_block(m) and not m.callee.startswith("Conv") for m in modules)


def _heavy(known: ValueFlow, value: Expr) -> Expr | None:
    """The convolution inside of light calls; None where there is none."""
    while isinstance(value, Call) and len(value.args) == 1:
        if not _is_light_call(known, value):
            return value
        value = value.args[0]
    return None


def in_order(cls: Class, signatures: Signatures) -> Class:
    """The class with what was made first at the left of every sum of two; it is the same sum."""
    known = flow(cls, signatures)
    made = tuple(
        replace(statement, value=statement.value.changed(_sorting(sources)))
        for statement, sources in zip(known.statements, known.sources, strict=True)
    )
    return replace(cls, statements=made)


def _sorting(sources: tuple[Made, ...]) -> Callable[[Expr], Expr]:
    order = {name: place for place, name in sources}

    def sort(part: Expr) -> Expr:
        if isinstance(part, Binary) and part.operator == "+":
            left, right = part.left, part.right
            named = isinstance(left, Name) and isinstance(right, Name)
            if named and order.get(right.text(), 0) < order.get(left.text(), 0):
                return right + left
        return part

    return sort


def put(first: Statement, second: Statement) -> Expr:
    """The value of the second statement with that of the first inside."""

    def inside(part: Expr) -> Expr:
        is_it = isinstance(part, Name) and part.name == first.target
        return first.value if is_it else part

    return second.value.changed(inside)


def calls(value: Expr) -> int:
    """How many calls an expression has."""
    return sum(isinstance(part, Call) for part in every(value))


def _is_light(known: ValueFlow, index: int) -> bool:
    """Whether a statement only normalizes or activates one value."""
    value = known.statements[index].value
    if not isinstance(value, Call) or len(known.forms[index].reads) != 1:
        return False
    inner = value
    while inner.args and isinstance(inner.args[0], Call):
        if not _is_light_call(known, inner):
            return False
        inner = inner.args[0]
    return bool(inner.args) and isinstance(inner.args[0], Name) and _is_light_call(known, inner)


def _is_light_call(known: ValueFlow, call: Call) -> bool:
    if isinstance(call.function, Ref):
        return call.function.path.rpartition(".")[2] in _ACTIVATIONS
    attribute = attribute_of(call.function)
    module = known.modules.get(attribute) if attribute else None
    if module is None or known.is_block(module):
        return False
    return any(part in module.callee for part in _LIGHT)


def _alone(known: ValueFlow, index: int, before: int) -> bool:
    """Whether a statement alone reads what the one before it makes."""
    made = known.makes[before]
    return (
        len(made) == 1
        and known.readers.get(made[0]) == [index]
        and (known.sources[index] == (made[0],))
    )
