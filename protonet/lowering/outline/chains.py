"""Short rows of statements that repeat, wherever they stand: separable convolutions and such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protonet.lowering.outline.family import Family
from protonet.lowering.outline.flow import ValueFlow
from protonet.lowering.outline.form import Key
from protonet.lowering.outline.kind import kind
from protonet.lowering.outline.region import Region, chain

_LONGEST = 6
_LEAST = 20  # lines that a class without a usual name must save


def chains(flows: Sequence[ValueFlow]) -> list[Family]:
    """The row that saves most lines, if any is worth a class."""
    found: dict[Key, list[Region]] = {}
    for region in _candidates(flows):
        own = found.setdefault(region.key, [])
        if not own or own[-1].flow is not region.flow or own[-1].stop <= region.start:
            own.append(region)
    made = [
        Family(uses[0], tuple(uses), (True,) * len(uses))
        for uses in found.values()
        if len(uses) > 1
    ]
    worth = [family for family in made if family.saved >= (1 if kind(family.model) else _LEAST)]
    best = max(worth, key=lambda family: (bool(kind(family.model)), family.saved), default=None)
    return [] if best is None else [best]


def _candidates(flows: Sequence[ValueFlow]) -> Iterator[Region]:
    names = {flow.cls.name for flow in flows}
    for flow in flows:
        count = len(flow.statements)
        for start in range(count):
            for stop in range(start + 2, min(start + _LONGEST, count) + 1):
                region = chain(flow, start, stop)
                if region is None:
                    break
                whole = stop - start == count
                if not (whole or _is_power(region)) and _is_worth(region, names):
                    yield region


def _is_worth(region: Region, names: set[str]) -> bool:
    """Whether every statement is of submodules of torch's, and there is more than one."""
    flow = region.flow
    forms = flow.forms[region.start : region.stop]
    modules = [flow.modules[name] for name in region.attributes]
    return all(one.modules for one in forms) and not any(m.callee in names for m in modules)


def _is_power(region: Region) -> bool:
    """Whether the row is a shorter one several times over."""
    forms = [form.key for form in region.flow.forms[region.start : region.stop]]
    sizes = (size for size in range(1, len(forms)) if len(forms) % size == 0)
    return any(forms == forms[:size] * (len(forms) // size) for size in sizes)
