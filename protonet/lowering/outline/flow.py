"""Which statement of a class reads what which other one makes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from protonet.lowering.outline.form import Form, Key, Module, form, module
from protonet.lowering.outline.signatures import Signatures
from protonet.program.program import Class, Statement, Submodule

Made = tuple[
    int, str
]  # the index of the statement that makes a value, -1 for an argument; its name


@dataclass(frozen=True)
class ValueFlow:
    """The forward pass of a class as a graph of values.

    By the index of a statement: its ``forms``, its ``sources``, which it reads, and what it
    ``makes``. ``readers`` are the indices of the statements that read a value; that of the result
    is the number of statements. A statement is ``free`` where it may move into a block.
    """

    cls: Class
    modules: dict[str, Module]
    statements: tuple[Statement, ...]
    forms: tuple[Form, ...]
    sources: tuple[tuple[Made, ...], ...]
    makes: tuple[tuple[Made, ...], ...]
    readers: dict[Made, list[int]]
    free: tuple[bool, ...]
    signatures: Signatures

    def is_block(self, module: Module) -> bool:
        """Whether a submodule is of the program's own classes, or several of them."""
        return self.signatures.is_block(module.callee) or module.callee == "nn.Sequential"

    @cached_property
    def parts(self) -> dict[str, Submodule]:
        """The submodules by their attributes."""
        return {part.attribute: part for part in self.cls.submodules}

    def is_inside(self, index: int, last: int) -> bool:
        """Whether a statement's values are read, and no later than by the statement ``last``."""
        readers = [self.readers.get(made) for made in self.makes[index]]
        return all(readers) and all(found[-1] <= last for found in readers if found)

    def wiring(self, index: int, start: int) -> Key:
        """Where each variable of a statement comes from, counted from ``start``; -1 from before."""
        places = {name: place for place, name in self.sources[index]}
        inside = []
        for name in self.forms[index].reads:
            place = places[name]
            if place < start:
                inside.append((-1, 0))
            else:
                inside.append((place - start, self.makes[place].index((place, name))))
        return tuple(inside)


def flow(cls: Class, signatures: Signatures, strict: bool = True) -> ValueFlow:
    """The flow of a class. With ``strict`` windows are a part of a statement's form."""
    found = ((part.attribute, module(part.call, signatures)) for part in cls.submodules)
    modules = {attribute: made for attribute, made in found if made is not None}
    statements = tuple(s for s in cls.statements if isinstance(s, Statement))
    forms = tuple(form(s.value, modules, signatures, strict) for s in statements)
    now: dict[str, Made] = {name: (-1, name) for name in cls.arguments}
    readers: dict[Made, list[int]] = {}
    sources, makes = [], []
    for index, statement in enumerate(statements):
        read = tuple(now[name] for name in dict.fromkeys(forms[index].reads) if name in now)
        for made in read:
            readers.setdefault(made, []).append(index)
        sources.append(read)
        made_here = tuple((index, name) for name in statement.target.split(", "))
        makes.append(made_here)
        now.update((name, made) for made in made_here for _, name in [made])
    assert cls.result is not None
    for name in dict.fromkeys(cls.result.reads()):
        if name in now:
            readers.setdefault(now[name], []).append(len(statements))
    calls = Counter(name for one in forms for name in one.modules)
    free = tuple(not one.bound and all(calls[name] == 1 for name in one.modules) for one in forms)
    return ValueFlow(
        cls, modules, statements, forms, tuple(sources), tuple(makes), readers, free, signatures
    )
