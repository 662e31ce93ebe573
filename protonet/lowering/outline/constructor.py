"""The constructor of a block: its parameters, what members are given, and how a use calls it."""

from __future__ import annotations

from collections.abc import Sequence

from protonet.lowering.outline.arguments import Difference, columns, parameters, slot_columns
from protonet.lowering.outline.family import Family
from protonet.lowering.outline.form import Module
from protonet.lowering.outline.kind import ends, joined
from protonet.lowering.outline.naming import parameter_names
from protonet.lowering.outline.signatures import Signatures
from protonet.program.compound import Both
from protonet.program.expr import Call, Expr, Literal, Name, Ref
from protonet.program.program import InitParameter

Modules = Sequence[Module | None]  # of a use, by the members of the model


class Constructor:
    """What the uses of a family agree on, and what they differ in.

    ``flag`` is the parameter that says whether a use has the family's branch.
    """

    def __init__(
        self, family: Family, names: Sequence[str], late: frozenset[int], flag: str,
        signatures: Signatures,
    ) -> None:  # fmt: skip
        self.family, self.flag, self.signatures = family, flag, signatures
        self.uses = [_modules(family, use) for use in range(len(family.uses))]
        found = [
            *columns(self.uses, signatures),
            *slot_columns([use.slots for use in family.uses]),
        ]
        self.found = parameters(found, late)
        model = family.model
        last = model.flow.statements[model.stop - 1].value
        outer = ends(model)
        several = (joined(last) == "concatenate" and len(outer) > 1) or len(model.outs) > 1
        callees = {module.callee for use in self.uses for module in use if module is not None}
        self.names = parameter_names(self.found, names, outer, several, callees)
        self.given = {
            (column.member, column.argument): Name(name)
            for one, name in zip(self.found, self.names, strict=True)
            for column in one.columns
        }
        self.fixed = {(c.member, c.argument): c for c in found if not c.differs}

    def member(self, index: int) -> Call:
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

    def derived(self) -> Expr | None:
        """Whether to add what goes in, as sizes and stride tell it; None where they do not."""
        values = {name: one.texts for name, one in zip(self.names, self.found, strict=True)}
        sizes, after = values.get("channels"), values.get("out_channels")
        if not (self.family.is_open and sizes and after):
            return None
        same = [a == b for a, b in zip(sizes, after, strict=True)]
        equal: Expr = Name("channels") == Name("out_channels")
        if same == list(self.family.whole):
            return equal
        still = [text == "1" for text in values.get("stride", ())]
        both = [a and b for a, b in zip(same, still, strict=False)]
        return Both(Name("stride") == 1, equal) if both == list(self.family.whole) else None

    def signature(self) -> tuple[InitParameter, ...]:
        """The parameters, those without a default first."""
        made = [InitParameter(name, one.default) for name, one in self._ordered()]
        return (*made, *([InitParameter(self.flag, Literal(self._most))] if self._is_asked else []))

    def call(self, name: str, use: int) -> Call:
        """A use of the class."""
        args, kwargs = [], {}
        for parameter, one in self._ordered():
            value, default = one.value(use), one.default
            if value is None:
                continue
            if default is None:
                args.append(value)
            elif value.text() != default.text():
                kwargs[parameter] = value
        if self._is_asked and self.family.whole[use] != self._most:
            kwargs[self.flag] = Literal(self.family.whole[use])
        return Call(Ref(name), tuple(args), kwargs)

    @property
    def _is_asked(self) -> bool:
        """Whether a use says if it has the branch."""
        return self.family.branch is not None and self.derived() is None

    @property
    def _most(self) -> bool:
        """Whether most uses have the branch."""
        return sum(self.family.whole) * 2 > len(self.uses)

    def _ordered(self) -> list[tuple[str, Difference]]:
        pairs = list(zip(self.names, self.found, strict=True))
        return sorted(pairs, key=lambda pair: pair[1].default is not None)


def _modules(family: Family, use: int) -> list[Module | None]:
    """The submodules of a use by the model's members; None where it has none."""
    region = family.uses[use]
    own, inside = iter(region.attributes), family.inside
    return [
        region.flow.modules[next(own)] if family.whole[use] or name not in inside else None
        for name in family.model.attributes
    ]
