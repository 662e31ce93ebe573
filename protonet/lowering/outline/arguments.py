"""What differs between the uses of a class: its constructor's parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from protonet.lowering.outline.form import Module
from protonet.lowering.outline.signatures import Signatures
from protonet.program.expr import Expr, Literal
from protonet.program.expr import Sequence as Display

# Arguments that say how much there is; the others have a usual value.
SIZES = frozenset(
    {"channels", "in_channels", "out_channels", "in_features", "out_features", "num_features"}
)

UseValues = tuple[Expr | None, ...]  # by use; None where a use has not the module


@dataclass(frozen=True)
class Column:
    """One argument of one submodule, over all uses."""

    member: int
    argument: str
    values: UseValues

    @cached_property
    def texts(self) -> tuple[str | None, ...]:
        """The values as text, by which they are compared."""
        return tuple(None if value is None else value.text() for value in self.values)

    @property
    def is_size(self) -> bool:
        """Whether it counts channels or features."""
        return self.argument in SIZES or not _is_usual(self.argument)

    @property
    def differs(self) -> bool:
        """Whether the uses do not agree."""
        return len({text for text in self.texts if text is not None}) > 1


def _is_usual(argument: str) -> bool:
    return argument in {
        "stride", "padding", "dilation", "groups", "bias", "ceil_mode", "eps",
        "momentum", "affine", "count_include_pad", "output_padding", "padding_mode", "p",
    }  # fmt: skip


@dataclass
class Difference:
    """A parameter of a class and the columns that it stands for, the first one first."""

    columns: list[Column]
    texts: list[str | None]

    @property
    def first(self) -> Column:
        """The column that the parameter has its name from."""
        return self.columns[0]

    def value(self, use: int) -> Expr | None:
        """What a use gives."""
        found = (column.values[use] for column in self.columns)
        return next((value for value in found if value is not None), None)

    @cached_property
    def default(self) -> Expr | None:
        """The value of most uses; None for sizes, which every use gives that has the module.

        A value that is a parameter of the block around is no default.
        """
        if self.first.is_size:
            return Literal(None) if None in self.texts else None
        values = [self.value(use) for use in range(len(self.texts))]
        count = Counter(value.text() for value in values if value is not None)
        most = count.most_common(1)[0][0]
        found = next(value for value in values if value is not None and value.text() == most)
        return None if found.reads() else found


def columns(uses: Sequence[Sequence[Module | None]], signatures: Signatures) -> Iterator[Column]:
    """All arguments of the submodules of some uses; a use may lack a module."""
    for member in range(len(uses[0])):
        modules = [use[member] for use in uses]
        some = next(module for module in modules if module is not None)
        defaults = signatures.of(some.callee)
        names = dict.fromkeys(name for m in modules if m is not None for name in m.arguments)
        for name in sorted(names, key=list(defaults).index):
            values = tuple(None if m is None else _value(m, name, defaults) for m in modules)
            yield Column(member, name, values)


def slot_columns(uses: Sequence[Sequence[tuple[str, Expr]]]) -> list[Column]:
    """What helpers are called with in some uses; the members are counted from -1 down."""
    rows = zip(*uses, strict=True)
    return [
        Column(-1 - place, row[0][0], tuple(value for _, value in row))
        for place, row in enumerate(rows)
    ]


def _value(module: Module, name: str, defaults: Mapping[str, Expr | None]) -> Expr | None:
    return module.arguments.get(name, defaults[name])


def parameters(found: Sequence[Column], late: frozenset[int]) -> list[Difference]:
    """Columns that differ, equal ones as one parameter; ``late`` members come last.

    The columns of a branch that some uses lack join those that agree where it is there.
    """
    made: list[Difference] = []
    for column in sorted(found, key=lambda c: c.member in late):
        if not column.differs:
            continue
        for parameter in made:
            if _agree(parameter.texts, column.texts):
                parameter.columns.append(column)
                break
        else:
            made.append(Difference([column], list(column.texts)))
    return made


def _agree(one: Sequence[str | None], other: Sequence[str | None]) -> bool:
    return all(b is None or a == b for a, b in zip(one, other, strict=True))


def is_number(value: Expr) -> bool:
    """Whether a value is one number or several."""
    if isinstance(value, Display):
        return all(map(is_number, value.items))
    return isinstance(value, Literal)
