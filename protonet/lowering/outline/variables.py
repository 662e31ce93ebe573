"""The names of values: x for what goes on, names of their own for what waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protonet.lowering.lower import RESERVED
from protonet.lowering.outline.block import SHORTCUT
from protonet.lowering.outline.flow import Made, ValueFlow, flow
from protonet.lowering.outline.kind import joined
from protonet.lowering.outline.signatures import Signatures
from protonet.program.expr import Call, Expr, Mapping, Name, Ref
from protonet.program.expr import Sequence as Display
from protonet.program.names import Names
from protonet.program.program import Class, Statement


def with_short_names(cls: Class, signatures: Signatures, is_block: bool, taken: set[str]) -> Class:
    """The class with its values renamed; a block's argument is x, a net's keep their names."""
    return _Naming(flow(cls, signatures), is_block, taken).run()


class _Naming:
    def __init__(self, known: ValueFlow, is_block: bool, taken: set[str]) -> None:
        self.known, self.is_block = known, is_block
        self.names = Names(
            {*RESERVED, *taken, "x", "y", *(() if is_block else known.cls.arguments)}
        )
        self.given: dict[Made, str] = {}
        self.live: dict[str, int] = {}  # by name: the last statement that reads its value

    def run(self) -> Class:
        cls, known = self.known.cls, self.known
        for order, argument in enumerate(cls.arguments):
            short = self.is_block and order == 0
            self.give((-1, argument), "x" if short else self.argument(argument))
        made = []
        for index, statement in enumerate(known.statements):
            value = statement.value.changed(self.renaming(known.sources[index]))
            for place in known.makes[index]:
                self.give(place, self.name(place))
            target = ", ".join(self.given[place] for place in known.makes[index])
            made.append(Statement(target, value, statement.origin))
        last: dict[str, Made] = {name: (-1, name) for name in cls.arguments}
        last.update((name, (at, name)) for made_here in known.makes for at, name in made_here)
        assert cls.result is not None
        result = cls.result.changed(self.renaming(tuple(last.values())))
        arguments = tuple(self.given[-1, argument] for argument in cls.arguments)
        return replace(cls, arguments=arguments, statements=tuple(made), result=result)

    def renaming(self, sources: tuple[Made, ...]) -> Callable[[Expr], Expr]:
        new = {name: self.given[at, name] for at, name in sources}

        def renamed(part: Expr) -> Expr:
            return Name(new[part.name]) if isinstance(part, Name) and part.name in new else part

        return renamed

    def give(self, made: Made, name: str) -> None:
        self.given[made] = name
        self.live[name] = self.last(made)

    def last(self, made: Made) -> int:
        return self.known.readers.get(made, [made[0]])[-1]

    def name(self, made: Made) -> str:
        """The letter x for a value that goes on to the next statements, else a name of its own."""
        index, old = made
        if len(self.known.makes[index]) > 1 or isinstance(self.value(index), Display):
            return self.own(old, index)
        if self.live.get("x", -1) <= index and not self.waits(made) and not self.is_apart(made):
            return "x"
        return self.in_block(made) if self.is_block else self.own(old, index)

    def in_block(self, made: Made) -> str:
        """A name for a value that is not the one that goes on."""
        index, old = made
        if SHORTCUT in self.known.forms[index].modules:
            return self.own(SHORTCUT)
        if not self.is_apart(made) and self.live.get("y", -1) <= index:
            return "y"
        return self.own(self.word(index) or old)

    def own(self, name: str, index: int = -1) -> str:
        """A name that no other value has, or one whose value goes into the new one."""
        ended = name in self.live and -1 < self.live[name] <= index
        return name if ended and name not in ("x", "y") else self.names.free(name)

    def argument(self, name: str) -> str:
        """A net's argument keeps its name, and so does what a block is given beside x."""
        return self.own(name) if self.is_block else name

    def value(self, index: int) -> Expr:
        return self.known.statements[index].value

    def waits(self, made: Made) -> bool:
        """Whether other values are made before this one is read for the last time."""
        return self.last(made) > made[0] + 1 and (not self.is_block or self.is_branch(made))

    def word(self, index: int) -> str:
        """What a value comes from: a submodule, or the last word of a helper; "" for others."""
        value, modules = self.value(index), self.known.forms[index].modules
        called = value.function if isinstance(value, Call) else None
        if modules:
            return modules[-1]
        if isinstance(called, Ref) and "." not in called.path:
            return called.path.rpartition("_")[2]
        sources = self.known.sources[index]
        return self.word(sources[0][0]) if len(sources) == 1 and sources[0][0] >= 0 else ""

    def is_apart(self, made: Made) -> bool:
        """Whether a value is one of several that are concatenated, or given out together."""
        given = self.last(made) >= len(self.known.statements)
        several = isinstance(self.known.cls.result, Display | Mapping)
        return self.is_branch(made) or (given and several)

    def is_branch(self, made: Made) -> bool:
        """Whether a value is one of several that are concatenated."""
        reader = self.last(made)
        if reader >= len(self.known.statements):
            return False
        value = self.value(reader)
        return joined(value) == "concatenate" and len(self.known.sources[reader]) > 2
