"""One class for regions that are alike, and the call that each of them becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from protonet.lowering.outline.arguments import Parameter as Found
from protonet.lowering.outline.arguments import columns, parameters
from protonet.lowering.outline.family import Family
from protonet.lowering.outline.form import Module
from protonet.lowering.outline.kind import joined
from protonet.lowering.outline.naming import member_names, parameter_names
from protonet.lowering.outline.region import Region
from protonet.lowering.outline.signatures import Signatures
from protonet.program.compound import Both, Conditional
from protonet.program.expr import Attribute, Call, Expr, Literal, Name, Ref
from protonet.program.path import attribute_of
from protonet.program.program import Class, Origins, Parameter, Statement, Submodule

SHORTCUT, PROJECTION, RESIDUAL, ACTIVATION = "shortcut", "projection", "residual", "activation"


@dataclass(frozen=True)
class Block:
    """A class, where it has the submodules of its model, and how each use is constructed."""

    cls: Class
    members: tuple[str, ...]
    calls: tuple[Call, ...]


def block(family: Family, word: str, name: str, signatures: Signatures) -> Block:
    """The class of a family under a name; ``word`` is what blocks of its kind are called."""
    return _Writing(family, word, signatures).block(name)


class _Writing:
    def __init__(self, family: Family, word: str, signatures: Signatures) -> None:
        self.family, self.signatures = family, signatures
        self.model = family.model
        self.branch = _attributes(self.model, family.branch)
        self.is_bare = family.branch is not None and not self.branch
        self.flag = RESIDUAL if family.is_open else ACTIVATION if self.is_bare else PROJECTION
        self.uses = [self.modules(use, whole) for use, whole in _uses(family)]
        self.names = member_names(self.model, family.uses, word, self.branch)
        late = frozenset(i for i, a in enumerate(self.model.attributes) if a in self.branch)
        found = list(columns(self.uses, signatures))
        self.found = parameters(found, late)
        several = joined(self.last.value) == "concatenate" and len(self.ends) > 1
        self.parameters = parameter_names(self.found, self.names, self.ends, several)
        self.given = {
            (column.member, column.argument): Name(name)
            for one, name in zip(self.found, self.parameters, strict=True)
            for column in one.columns
        }
        self.fixed = {(c.member, c.argument): c for c in found if not c.differs}

    def modules(self, use: Region, whole: bool) -> list[Module | None]:
        """The submodules of a use by the model's members; None where it has none."""
        own = iter(use.attributes)
        every = self.model.attributes
        return [
            use.flow.modules[next(own)] if whole or name not in self.branch else None
            for name in every
        ]

    @property
    def last(self) -> Statement:
        return self.model.flow.statements[self.model.stop - 1]

    @property
    def ends(self) -> frozenset[int]:
        """The last member of every branch that the last statement joins."""
        flow, last = self.model.flow, self.model.stop - 1
        makers = {place for place, _ in flow.sources[last] if place >= self.model.start} | {last}
        outer = {flow.forms[i].modules[-1:] for i in makers} | {
            flow.forms[i].modules[:1] for i in makers
        }
        attributes = {name for names in outer for name in names}
        return frozenset(i for i, a in enumerate(self.model.attributes) if a in attributes)

    def block(self, name: str) -> Block:
        members = [self.path(index) for index in range(len(self.names))]
        cls = Class(
            name,
            (self.argument,),
            tuple(self.submodules()),
            statements=tuple(self.statements()),
            result=Name(self.last.target),
            parameters=self.signature(),
            is_block=True,
        )
        calls = tuple(self.call(name, index) for index in range(len(self.uses)))
        return Block(cls, tuple(members), calls)

    @property
    def argument(self) -> str:
        """The variable that the region reads from outside."""
        flow, start = self.model.flow, self.model.start
        outside = [
            n for i in range(start, self.model.stop) for p, n in flow.sources[i] if p < start
        ]
        return outside[0]

    def path(self, index: int) -> str:
        """Where the class has a member."""
        if self.model.attributes[index] not in self.branch:
            return self.names[index]
        if len(self.branch) == 1:
            return SHORTCUT
        return f"{SHORTCUT}.{self.branch.index(self.model.attributes[index])}"

    def submodules(self) -> list[Submodule]:
        made: list[Submodule] = []
        parts = [(index, self.constructor(index)) for index in range(len(self.names))]
        apart = [call for index, call in parts if self.model.attributes[index] in self.branch]
        origins = [self.origin_of(index) for index in range(len(self.names))]
        for index, call in parts:
            if self.model.attributes[index] not in self.branch:
                made.append(Submodule(self.names[index], call, origins[index]))
            elif self.model.attributes[index] == self.branch[0]:
                whole = (
                    apart[0] if len(apart) == 1 else Call(Ref("nn.Sequential"), tuple(apart), {})
                )
                choice = Conditional(whole, Name(self.flag), Call(Ref("nn.Identity"), (), {}))
                made.append(Submodule(SHORTCUT, choice, origins[index]))
        if self.is_bare:
            assert self.family.branch is not None
            made.append(
                Submodule(
                    self.flag,
                    self.derived() or Name(self.flag),
                    self.origins(self.family.branch[0]),
                )
            )
        return made

    def constructor(self, index: int) -> Call:
        """The call that makes a member, from the parameters of the class."""
        modules = [use[index] for use in self.uses]
        module = next(one for one in modules if one is not None)
        args, kwargs = [], {}
        names = dict.fromkeys(name for m in modules if m is not None for name in m.arguments)
        order = list(self.signatures.of(module.callee))
        for name in sorted(names, key=order.index):
            value: Expr | None = self.given.get((index, name))
            if value is None:
                values = self.fixed[index, name].values
                value = next(one for one in values if one is not None)
            if module.is_positional.get(name):
                args.append(value)
            else:
                kwargs[name] = value
        return Call(Ref(module.callee), tuple(args), kwargs)

    def origin_of(self, index: int) -> Origins:
        attribute = self.model.attributes[index]
        found: list[Origins] = []
        for use, whole in _uses(self.family):
            if whole or attribute not in self.branch:
                parts = {part.attribute: part.origin for part in use.flow.cls.submodules}
                own = list(self.model.attributes)
                kept = own if whole else [name for name in own if name not in self.branch]
                found.append(parts[use.attributes[kept.index(attribute)]])
        return tuple(origin for one in found for origin in one)

    def statements(self) -> list[Statement]:
        flow, start, stop = self.model.flow, self.model.start, self.model.stop
        to = dict(zip(self.model.attributes, self.names, strict=True))

        def renamed(part: Expr) -> Expr:
            attribute = attribute_of(part)
            moved = to.get(attribute) if attribute else None
            return Attribute(Name("self"), moved) if moved else part

        made: list[Statement] = []
        for index in range(start, stop):
            inside = self.family.branch
            statement = flow.statements[index]
            origin = self.origins(index - start)
            if self.is_bare and inside and inside[0] <= index - start < inside[1]:
                made.append(self.optional(index, statement, origin))
                continue
            if inside and inside[0] <= index - start < inside[1]:
                if index - start == inside[1] - 1:
                    source = flow.sources[start + inside[0]][0][1]
                    value = Call(Attribute(Name("self"), SHORTCUT), (Name(source),), {})
                    made.append(Statement(statement.target, value, origin))
                continue
            made.append(replace(statement, value=statement.value.changed(renamed), origin=origin))
        return made

    def optional(self, index: int, statement: Statement, origin: Origins) -> Statement:
        """A sum or an activation that only some blocks have."""
        flow = self.model.flow
        inner = Name(
            flow.makes[index - 1][0][1] if self.family.is_open else flow.sources[index][0][1]
        )
        flag = Attribute(Name("self"), self.flag)
        return replace(statement, value=Conditional(statement.value, flag, inner), origin=origin)

    def origins(self, place: int) -> Origins:
        """The layers of one statement in every use."""
        found: list[Origins] = []
        for use, whole in _uses(self.family):
            own = place
            if not whole and self.family.branch:
                first, after = self.family.branch
                if first <= place < after:
                    continue
                own = place if place < first else place - (after - first)
            found.append(use.flow.statements[use.start + own].origin)
        return tuple(origin for one in found for origin in one)

    def derived(self) -> Expr | None:
        """Whether to add what goes in, as sizes and stride tell it; None where they do not."""
        values = {name: one.texts for name, one in zip(self.parameters, self.found, strict=True)}
        sizes, ends = values.get("channels"), values.get("out_channels")
        if not (self.family.is_open and sizes and ends):
            return None
        same = [a == b for a, b in zip(sizes, ends, strict=True)]
        equal = Name("channels") == Name("out_channels")
        if same == list(self.family.whole):
            return equal  # type: ignore[no-any-return]
        still = [text == "1" for text in values.get("stride", ())]
        both = [a and b for a, b in zip(same, still, strict=False)]
        if both == list(self.family.whole):
            return Both(Name("stride") == 1, equal)
        return None

    def ordered(self) -> list[tuple[str, Found]]:
        """The parameters, those without a default first."""
        pairs = list(zip(self.parameters, self.found, strict=True))
        return sorted(pairs, key=lambda pair: pair[1].default is not None)

    def signature(self) -> tuple[Parameter, ...]:
        made = [Parameter(name, one.default) for name, one in self.ordered()]
        most = sum(self.family.whole) * 2 > len(self.uses)
        asked = self.family.branch and self.derived() is None
        flag = [Parameter(self.flag, Literal(most))] if asked else []
        return (*made, *flag)

    def call(self, name: str, use: int) -> Call:
        """A use of the class."""
        args, kwargs = [], {}
        for parameter, one in self.ordered():
            value, default = one.value(use), one.default
            if value is None:
                continue
            if default is None:
                args.append(value)
            elif value.text() != default.text():
                kwargs[parameter] = value
        if self.family.branch and self.derived() is None:
            most = sum(self.family.whole) * 2 > len(self.uses)
            if self.family.whole[use] != most:
                kwargs[self.flag] = Literal(self.family.whole[use])
        return Call(Ref(name), tuple(args), kwargs)


def _uses(family: Family) -> Sequence[tuple[Region, bool]]:
    return list(zip(family.uses, family.whole, strict=True))


def _attributes(model: Region, branch: tuple[int, int] | None) -> tuple[str, ...]:
    """The submodules of a branch of the model."""
    if branch is None:
        return ()
    forms = model.flow.forms[model.start + branch[0] : model.start + branch[1]]
    return tuple(name for one in forms for name in one.modules)


def placed(names: Mapping[str, str], attribute: str) -> str:
    """Where an attribute is after a move."""
    return names.get(attribute, attribute)
