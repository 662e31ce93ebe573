"""A PyTorch program as data: classes with submodules and statements, each with its origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from protonet.program.expr import Expr
from protonet.shape import Shape


class Origin(Protocol):
    """What a line is there for: a layer of the net."""

    @property
    def name(self) -> str:
        """The layer's name."""
        ...


Origins = tuple[Origin, ...]


@dataclass(frozen=True)
class Submodule:
    """``self.attribute = call``: a module, or what the forward pass asks for."""

    attribute: str
    call: Expr
    origin: Origins


@dataclass(frozen=True)
class Share:
    """``self.target = self.owner``, dotted paths to one tensor.

    Without an owner the target is None, since its module is called with another's parameter.
    Buffers are parted whenever torch moves the module, and joined again.
    """

    target: str
    owner: str | None
    is_buffer: bool
    origin: Origins


@dataclass(frozen=True)
class Frozen:
    """A parameter that takes no gradient, or all of a module or, without a path, of the net."""

    path: str
    origin: Origins


@dataclass(frozen=True)
class Fill:
    """A call that fills a parameter."""

    value: Expr
    origin: Origins


@dataclass(frozen=True)
class Case:
    """What a loop does with the modules of some kinds: calls that take the variable ``module``.

    A call stands with the parameter that some of the modules lack, if there is one.
    """

    kinds: tuple[Expr, ...]
    calls: tuple[tuple[Expr, Expr | None], ...]
    origin: Origins


@dataclass(frozen=True)
class Each:
    """A loop over the modules ``over``, by default over all of the net, in their order."""

    cases: tuple[Case, ...]
    over: tuple[Expr, ...] = ()

    @property
    def origin(self) -> Origins:
        """The layers whose modules it is there for."""
        return tuple(origin for case in self.cases for origin in case.origin)


@dataclass(frozen=True)
class Statement:
    """``target = value``; several targets stand with commas between them."""

    target: str
    value: Expr
    origin: Origins


@dataclass(frozen=True)
class Free:
    """``del`` of variables that nothing reads any more."""

    names: tuple[str, ...]
    origin: Origins = ()


@dataclass(frozen=True)
class InitParameter:
    """What ``__init__`` is called with; without a default it is always given."""

    name: str
    default: Expr | None = None


@dataclass(frozen=True)
class Class:
    """One nn.Module: what ``__init__`` makes, and what ``forward`` does with its arguments.

    ``result_origin`` are the layers whose value the result computes itself. The class of a net
    has no ``parameters``; that of a block says in ``doc`` what it is.
    """

    name: str
    arguments: tuple[str, ...] = ()
    submodules: tuple[Submodule, ...] = ()
    shares: tuple[Share, ...] = ()
    frozen: tuple[Frozen | Each, ...] = ()
    fills: tuple[Fill | Each, ...] = ()
    statements: tuple[Statement | Free, ...] = ()
    result: Expr | None = None
    result_origin: Origins = ()
    parameters: tuple[InitParameter, ...] = ()
    doc: str = ""
    is_block: bool = False
    is_typed: bool = False


@dataclass(frozen=True)
class Helper:
    """A class or function to copy into the source, with the first layer that needs it.

    ``text`` is what is copied in its place, where that says less.
    """

    code: Callable[..., Any]
    origin: Origins
    text: str = ""


@dataclass(frozen=True)
class Program:
    """Classes, the net's own last, and what they stand on.

    ``shapes`` are those of the net's arguments; ``variables`` the names that values of the net
    have inside its ``forward``, by the names that they have outside. ``paths`` tells where the
    submodules of the flat program are, by their attributes there, if they have moved. With
    ``tells_layers`` the file has a table of Caffe's names where attributes differ from them.
    """

    doc: str
    classes: tuple[Class, ...]
    helpers: tuple[Helper, ...] = ()
    imports: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    training: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    tells_layers: bool = True

    @property
    def main(self) -> Class:
        """The class of the net itself."""
        return self.classes[-1]

    @property
    def name(self) -> str:
        """The name of the net's class."""
        return self.main.name


def verify(program: Program) -> Program:
    """Return the program; AssertionError where it reads a variable that nothing has set."""
    for cls in program.classes:
        known = {*cls.arguments, "self"}
        for statement in cls.statements:
            if isinstance(statement, Free):
                assert known.issuperset(statement.names), f"{statement.names} are not there"
                known.difference_update(statement.names)
                continue
            _check(statement.value, known, statement.target)
            known.update(statement.target.split(", "))
        if cls.result is not None:
            _check(cls.result, known, "return")
    return program


def _check(value: Expr, known: set[str], target: str) -> None:
    for name in value.reads():
        assert name in known, f"{target} reads {name}"
