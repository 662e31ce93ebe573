"""Small steps on one line: a branch of two convolutions, a pooling around what it pools."""

from __future__ import annotations

from dataclasses import replace

from protonet.lowering.outline.flow import ValueFlow, flow
from protonet.lowering.outline.fuse import calls, put
from protonet.lowering.outline.signatures import Signatures
from protonet.program.expr import Binary, Call, Expr, Literal
from protonet.program.layout import WIDTH
from protonet.program.program import Class, Statement

_INDENT = 8


def inlined(cls: Class, signatures: Signatures, most: int) -> Class:
    """The class with a value inside the next statement, where both have at most ``most`` calls."""
    known = flow(cls, signatures)
    made: list[Statement] = []
    for index, statement in enumerate(known.statements):
        before = made[-1] if made else None
        if before is not None and _is_next(known, index) and _is_plain(known, index):
            value = put(before, statement)
            text = f"{statement.target} = {value.text()}"
            pools = _is_pooling(known, index) and not cls.is_block
            starts = _is_pooling(known, index - 1) and not cls.is_block
            if calls(value) <= most + pools - most * starts and len(text) + _INDENT <= WIDTH:
                origin = (*before.origin, *statement.origin)
                made[-1] = replace(statement, value=value, origin=origin)
                continue
        made.append(statement)
    return replace(cls, statements=tuple(made))


def _is_next(known: ValueFlow, index: int) -> bool:
    """Whether a statement alone reads the one before it, once, and nothing else."""
    before = known.makes[index - 1]
    alone = len(before) == 1 and known.readers.get(before[0]) == [index]
    return alone and known.sources[index] == before and len(known.forms[index].reads) == 1


def _is_plain(known: ValueFlow, index: int) -> bool:
    """Whether two statements are calls, and neither of a block."""
    both = known.statements[index - 1].value, known.statements[index].value
    names = (*known.forms[index - 1].modules, *known.forms[index].modules)
    modules = [known.modules[name] for name in names]
    own = any(known.is_block(m) and not m.callee.startswith("Conv") for m in modules)
    called = isinstance(both[0], Call) and (isinstance(both[1], Call) or _is_scaled(both[1]))
    return called and (not own or _is_activated(known, index))


def _is_pooling(known: ValueFlow, index: int) -> bool:
    """Whether a statement is a pooling and nothing more, which ends a line of a net."""
    form = known.forms[index]
    pools = [name for name in form.modules if "Pool" in known.modules[name].callee]
    return len(pools) == len(form.modules) == 1 and calls(known.statements[index].value) == 1


def _is_scaled(value: Expr) -> bool:
    """Whether a value is another one and a number."""
    return isinstance(value, Binary) and Literal in (type(value.left), type(value.right))


def _is_activated(known: ValueFlow, index: int) -> bool:
    """Whether a convolution of several parts works on what is only activated."""
    before, modules = known.statements[index - 1].value, known.forms[index].modules
    bare = not known.forms[index - 1].modules and calls(before) == 1
    return bare and all("Conv" in known.modules[name].callee for name in modules)
