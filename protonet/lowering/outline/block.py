"""One class for regions that are alike, and the call that each of them becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protonet.lowering.outline.constructor import Constructor
from protonet.lowering.outline.family import Family
from protonet.lowering.outline.naming import member_names
from protonet.lowering.outline.signatures import Signatures
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.compound import Conditional
from protonet.program.expr import Attribute, Call, Expr, Name, Ref, wrap
from protonet.program.names import Names
from protonet.program.path import attribute_of
from protonet.program.program import Class, Origins, Statement, Submodule

SHORTCUT, PROJECTION, RESIDUAL, ACTIVATION = "shortcut", "projection", "residual", "activation"
_OTHERS = ("other", "third", "fourth")  # arguments beside x


@dataclass(frozen=True)
class WrittenBlock:
    """A class, where it has the submodules of its model, and how each use is constructed."""

    cls: Class
    members: tuple[str, ...]
    calls: tuple[Call, ...]


def block(family: Family, word: str, name: str, signatures: Signatures) -> WrittenBlock:
    """The class of a family under a name; ``word`` is what blocks of its kind are called."""
    writing = _Writing(family, word, signatures)
    calls = (writing.constructor.call(name, use) for use in range(len(family.uses)))
    return WrittenBlock(writing.cls(name), writing.members(), tuple(calls))


class _Writing:
    def __init__(self, family: Family, word: str, signatures: Signatures) -> None:
        self.family, self.model, self.inside = family, family.model, family.inside
        self.is_bare = family.branch is not None and not self.inside
        self.flag = RESIDUAL if family.is_open else ACTIVATION if self.is_bare else PROJECTION
        self.names = member_names(self.model, family.uses, word, self.inside)
        late = frozenset(i for i, a in enumerate(self.model.attributes) if a in self.inside)
        self.constructor = Constructor(family, self.names, late, self.flag, signatures)
        rows = list(zip(*([name for _, name in use.ins] for use in family.uses), strict=True))
        differing = [row[0] for row in rows[1:] if len(set(row)) > 1]
        self.arguments = dict(zip(differing, _OTHERS, strict=False))
        free = Names({*MODULE_ATTRIBUTES, *self.names, SHORTCUT, self.flag})
        self.slots = {
            id(value): (free.free(name), given)
            for place, (name, value) in enumerate(self.model.slots)
            if (given := self.constructor.given.get((-1 - place, name))) is not None
        }

    def cls(self, name: str) -> Class:
        outs = [made for _, made in self.model.outs]
        last = self.model.flow.statements[self.model.stop - 1]
        slots = (Submodule(n, given, self.origins(0)) for n, given in self.slots.values())
        return Class(
            name,
            tuple(self.arguments.get(made, made) for _, made in self.model.ins),
            (*self.submodules(), *slots),
            statements=tuple(self.statements()),
            result=wrap(tuple(map(Name, outs))) if len(outs) > 1 else Name(last.target),
            parameters=self.constructor.signature(),
            is_block=True,
            is_typed=True,
        )

    def members(self) -> tuple[str, ...]:
        """Where the class has the submodules of the model."""
        every = zip(self.model.attributes, self.names, strict=True)
        return tuple(self.path(old) if old in self.inside else new for old, new in every)

    def path(self, attribute: str) -> str:
        """Where the class has a member of its branch."""
        if len(self.inside) == 1:
            return SHORTCUT
        return f"{SHORTCUT}.{self.inside.index(attribute)}"

    def submodules(self) -> list[Submodule]:
        made: list[Submodule] = []
        for index, old in enumerate(self.model.attributes):
            if old not in self.inside:
                call: Expr = self.constructor.member(index)
                made.append(Submodule(self.names[index], call, self.origin_of(old)))
            elif old == self.inside[0]:
                made.append(Submodule(SHORTCUT, self.shortcut(), self.origin_of(old)))
        if self.is_bare:
            assert self.family.branch is not None
            value = self.constructor.derived() or Name(self.flag)
            made.append(Submodule(self.flag, value, self.origins(self.family.branch[0])))
        return made

    def shortcut(self) -> Expr:
        """The branch that some uses lack, as one submodule."""
        every = self.model.attributes
        calls = [self.constructor.member(every.index(old)) for old in self.inside]
        whole = calls[0] if len(calls) == 1 else Call(Ref("nn.Sequential"), tuple(calls), {})
        return Conditional(whole, Name(self.flag), Call(Ref("nn.Identity"), (), {}))

    def origin_of(self, attribute: str) -> Origins:
        """The layers that a submodule is there for in every use."""
        every = self.model.attributes
        kept = [name for name in every if name not in self.inside]
        found: list[Origins] = []
        for use, whole in zip(self.family.uses, self.family.whole, strict=True):
            if whole or attribute not in self.inside:
                place = (every if whole else kept).index(attribute)
                found.append(use.flow.parts[use.attributes[place]].origin)
        return tuple(origin for one in found for origin in one)

    def statements(self) -> list[Statement]:
        flow, start = self.model.flow, self.model.start
        first, after = self.family.branch or (0, 0)
        made: list[Statement] = []
        for place in range(len(self.model)):
            statement, origin = flow.statements[start + place], self.origins(place)
            value = statement.value.changed(self.moved())
            if first <= place < after and not self.is_bare:
                if place < after - 1:
                    continue
                source = flow.sources[start + first][0][1]
                value = Call(Attribute(Name("self"), SHORTCUT), (Name(source),), {})
            elif first <= place < after:
                value = self.optional(start + place, value)
            made.append(Statement(statement.target, value, origin))
        return made

    def moved(self) -> Callable[[Expr], Expr]:
        """What puts members and parameters into the place of what the model has."""
        to = dict(zip(self.model.attributes, self.names, strict=True))

        def there(part: Expr) -> Expr:
            if isinstance(part, Name) and part.name in self.arguments:
                return Name(self.arguments[part.name])
            if id(part) in self.slots:
                return Attribute(Name("self"), self.slots[id(part)][0])
            attribute = attribute_of(part)
            new = to.get(attribute) if attribute else None
            return Attribute(Name("self"), new) if new else part

        return there

    def optional(self, index: int, value: Expr) -> Expr:
        """A sum or an activation that only some blocks have."""
        flow = self.model.flow
        inner = flow.makes[index - 1][0] if self.family.is_open else flow.sources[index][0]
        return Conditional(value, Attribute(Name("self"), self.flag), Name(inner[1]))

    def origins(self, place: int) -> Origins:
        """The layers of one statement in every use."""
        first, after = self.family.branch or (0, 0)
        found: list[Origins] = []
        for use, whole in zip(self.family.uses, self.family.whole, strict=True):
            own = place if whole or place < first else place - (after - first)
            if whole or not first <= place < after:
                found.append(use.flow.statements[use.start + own].origin)
        return tuple(origin for one in found for origin in one)
