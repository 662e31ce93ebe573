"""The lines of a class: its submodules, what fills them, and its forward pass."""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from protonet.program.defaults import without_defaults
from protonet.program.expr import Expr, Mapping, Name, Sequence
from protonet.program.layout import WIDTH, statement
from protonet.program.path import at
from protonet.program.program import (
    Case,
    Class,
    Each,
    Free,
    InitParameter,
    Origins,
    Share,
    Statement,
)


@dataclass(frozen=True)
class Piece:
    """Lines that stand together, and the layers that they are there for."""

    lines: tuple[str, ...]
    origin: Origins = ()


class Printer:
    """Prints with the defaults of torch's callees, and of these helpers, left out."""

    def __init__(self, helpers: abc.Mapping[str, Callable[..., Any]]) -> None:
        self.helpers = helpers

    def class_(self, cls: Class) -> Iterator[Piece]:
        """A class statement."""
        yield Piece((f"class {cls.name}(nn.Module):", *_documented(cls.doc)))
        if cls.submodules or cls.parameters or not cls.is_typed:
            yield from self.constructor(cls)
            yield Piece(("",))
        assert cls.result is not None
        arguments, returns = list(cls.arguments), ""
        if cls.is_typed:
            arguments = [f"{name}: Tensor" for name in arguments]
            returns = f" -> {_type(cls.result)}"
        body = cls.statements, cls.result, cls.result_origin
        yield from self.method("forward", arguments, *body, returns)

    def constructor(self, cls: Class) -> Iterator[Piece]:
        """What makes the submodules, and fills their parameters."""
        given = [_given(parameter) for parameter in cls.parameters]
        start = _signature("__init__", ["self", *given])
        yield Piece((*start, "        super().__init__()"))
        for part in cls.submodules:
            yield self.piece(f"self.{part.attribute} = ", part.call, part.origin)
        for share in cls.shares:
            yield _joined(share)
        for one in cls.frozen:
            if isinstance(one, Each):
                yield from self.loop(one)
            else:
                path = at(one.path).text() if one.path else "self"
                yield Piece((f"        {path}.requires_grad_(False)",), one.origin)
        if cls.fills:
            named = "", "    def reset_parameters(self):"
            yield Piece(("        self.reset_parameters()", *named))
        for fill in cls.fills:
            if isinstance(fill, Each):
                yield from self.loop(fill)
            else:
                yield self.piece("", fill.value, fill.origin)
        yield from _move(cls.shares)

    def loop(self, each: Each) -> Iterator[Piece]:
        """A loop over modules, which asks for their kinds where it goes over all."""
        modules = Sequence("()", each.over) if each.over else Name("self").modules()
        yield Piece(tuple(statement("for module in ", modules, 8, ":")), each.origin)
        for index, case in enumerate(each.cases):
            yield Piece(tuple(self.case(case, "elif" if index else "if")), case.origin)

    def case(self, case: Case, word: str) -> Iterator[str]:
        """What a loop does with one kind of modules, in lines."""
        indent = 12
        if case.kinds:
            kinds = Sequence("()", case.kinds) if len(case.kinds) > 1 else case.kinds[0]
            yield f"            {word} isinstance(module, {kinds.text()}):"
            indent = 16
        for value, lacking in case.calls:
            if lacking is not None:
                yield f"{' ' * indent}if {lacking.text()} is not None:"
            inner = indent if lacking is None else indent + 4
            yield from statement("", without_defaults(value, self.helpers), inner)

    def method(
        self,
        name: str,
        arguments: abc.Sequence[str],
        statements: abc.Sequence[Statement | Free],
        result: Expr,
        origin: Origins = (),
        returns: str = "",
    ) -> Iterator[Piece]:
        """A method that runs statements and returns a value; ``returns`` says what, if it does."""
        yield Piece(tuple(_signature(name, ["self", *arguments], returns)))
        for one in statements:
            if isinstance(one, Free):
                yield Piece(tuple(f"        del {row}" for row in _rows(one.names)), one.origin)
            else:
                yield self.piece(f"{one.target} = ", one.value, one.origin)
        yield self.piece("return ", _bare(result), origin)

    def piece(self, prefix: str, value: Expr, origin: Origins) -> Piece:
        """One statement inside a method."""
        return Piece(tuple(statement(prefix, without_defaults(value, self.helpers), 8)), origin)


def _documented(text: str) -> tuple[str, ...]:
    """The docstring of a class, and the blank line behind it."""
    if "\n" in text:
        lines = (f"    {line}".rstrip() for line in text.split("\n")[1:])
        return (f'    """{text.partition(chr(10))[0]}', *lines, '    """', "")
    return (f'    """{text}"""', "") if text else ()


def _given(parameter: InitParameter) -> str:
    default = parameter.default
    return parameter.name if default is None else f"{parameter.name}={default.text()}"


def _joined(share: Share) -> Piece:
    owner = "None" if share.owner is None else at(share.owner).text()
    return Piece((f"        {at(share.target).text()} = {owner}",), share.origin)


def _move(shares: abc.Sequence[Share]) -> Iterator[Piece]:
    """What keeps shared buffers one: torch moves and casts each buffer by itself."""
    moved = [share for share in shares if share.is_buffer]
    if not moved:
        return
    start = "    def _apply(self, *args, **kwargs):", "        super()._apply(*args, **kwargs)"
    yield Piece(("", *start))
    yield from map(_joined, moved)
    yield Piece(("        return self",))


def _rows(names: abc.Sequence[str]) -> list[str]:
    """Names joined by commas, as many as fit on a line."""
    rows: list[str] = []
    for name in names:
        if rows and len(rows[-1]) + len(name) + 14 <= WIDTH:
            rows[-1] += f", {name}"
        else:
            rows.append(name)
    return rows


def _bare(result: Expr) -> Expr:
    """Several values without the parentheses of a tuple, where they fit on a line."""
    several = isinstance(result, Sequence) and result.brackets == "()" and len(result.items) > 1
    text = result.text()[1:-1] if several else ""
    return Name(text) if 0 < len(text) <= WIDTH - 15 else result


def _type(result: Expr) -> str:
    """What a forward pass gives."""
    if isinstance(result, Mapping):
        return "dict[str, Tensor]"
    is_several = isinstance(result, Sequence)
    return "tuple[Tensor, ...]" if is_several else "Tensor"


def _signature(name: str, arguments: list[str], returns: str = "") -> list[str]:
    flat = f"    def {name}({', '.join(arguments)}){returns}:"
    if len(flat) <= WIDTH:
        return [flat]
    together = " " * 8 + ", ".join(arguments)
    inner = [together] if len(together) <= WIDTH else [f"        {a}," for a in arguments]
    return [f"    def {name}(", *inner, f"    ){returns}:"]
