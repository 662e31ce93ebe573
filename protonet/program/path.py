"""Where something is in a module: a dotted path, and the expression that reaches it."""

from __future__ import annotations

from protonet.program.expr import Attribute, Expr, Index, Literal, Name


def at(path: str) -> Expr:
    """``self.layer1[0].conv1.weight`` for the path ``layer1.0.conv1.weight``."""
    value: Expr = Name("self")
    for part in path.split("."):
        value = Index(value, (Literal(int(part)),)) if part.isdigit() else Attribute(value, part)
    return value


def attribute_of(value: Expr) -> str | None:
    """The name in ``self.name``; None where the expression is another."""
    owner = value.value if isinstance(value, Attribute) else None
    is_own = isinstance(owner, Name) and owner.name == "self"
    return value.name if is_own and isinstance(value, Attribute) else None
