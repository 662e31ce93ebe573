"""Fillers of many modules as one loop over them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations, groupby

from protonet.graph import Graph
from protonet.lowering.calls import source_of
from protonet.program.defaults import without_defaults
from protonet.program.expr import Attribute, Call, Expr, Name, Ref, Sequence
from protonet.program.layout import statement
from protonet.program.program import Case, Each, Fill, Program

_CONSTANT = {"nn.init.zeros_", "nn.init.ones_", "nn.init.constant_", "bilinear_"}
_MOST_KINDS, _FEWEST = 5, 3  # kinds that are tried together; modules worth a loop of their own


@dataclass(frozen=True)
class _Filled:
    """A fill of ``self.attribute.parameter``, as a call that takes ``module``; its own lines."""

    fill: Fill
    attribute: str
    parameter: str
    value: Expr
    text: str
    is_random: bool
    lines: int


_Measured = tuple[tuple[Fill | Each, ...], int]  # fills, and how many lines they are


def fill_each(program: Program, graph: Graph) -> Program:
    """Fill parameters in a loop over ``self.modules()``, where that is shorter.

    Random numbers are drawn in the same order; what differs by a constant alone is set behind.
    """
    fills = [_filled(fill) for fill in program.main.fills if isinstance(fill, Fill)]
    if len(fills) < _FEWEST:
        return program
    kinds, has = kinds_of(program), _parameters(program, graph)
    filled = {one.attribute for one in fills}
    kinds = {k: own for k, own in kinds.items() if filled.intersection(own)}
    few = list(kinds)[:_MOST_KINDS]
    chosen = chain.from_iterable(combinations(few, n) for n in range(len(few), -1, -1))
    plans = (_plan(fills, {kind: kinds[kind] for kind in some}, has) for some in chosen)
    best, _ = min((plan for plan in plans if plan is not None), key=lambda plan: plan[1])
    return replace(program, classes=(*program.classes[:-1], replace(program.main, fills=best)))


def _filled(fill: Fill) -> _Filled:
    attribute = parameter = ""

    def of_module(part: Expr) -> Expr:
        nonlocal attribute, parameter
        if isinstance(part, Attribute) and isinstance(part.value, Name):
            if part.value.name == "self":
                attribute = part.name
                return Name("module")
            parameter = parameter or part.name
        return part

    value = fill.value.changed(of_module)
    assert isinstance(value, Call)
    lines = len(statement("", without_defaults(fill.value, {}), 8))
    is_random = value.function.text() not in _CONSTANT
    return _Filled(fill, attribute, parameter, value, value.text(), is_random, lines)


def kinds_of(program: Program) -> dict[str, list[str]]:
    """The attributes of the modules of each kind; none where modules may hold some of their own."""
    sources = {h.code.__name__: source_of(h.code) for h in program.helpers}
    kinds: dict[str, list[str]] = {}
    for part in program.main.submodules:
        kinds.setdefault(part.call.function.text(), []).append(part.attribute)
    foreign = [k for k in kinds if not k.startswith("nn.") and k not in sources]
    inner = {name for text in sources.values() for name in re.findall(r"\bnn\.\w+", text)}
    inner |= {name for text in sources.values() for name in re.findall(r"class \w+\((\w+)\)", text)}
    return {} if foreign else {k: own for k, own in kinds.items() if k not in inner}


def _parameters(program: Program, graph: Graph) -> dict[str, set[str]]:
    """The names of the parameters of each module, by its attribute."""
    attributes = {part.origin: part.attribute for part in program.main.submodules}
    found: dict[str, set[str]] = {}
    for node in graph.nodes:
        if node.origin in attributes:
            found[attributes[node.origin]] = {blob.name for blob in node.blobs}
    return found


def _plan(
    fills: list[_Filled], kinds: Mapping[str, list[str]], has: Mapping[str, set[str]]
) -> _Measured | None:
    """The fills with a loop for these kinds; None where that would not be the same."""
    by = {(one.attribute, one.parameter): one for one in fills}
    cases: dict[tuple[tuple[str, bool], ...], Case] = {}
    looped: set[int] = set()
    for kind, attributes in kinds.items():
        case, own = _case(kind, attributes, by, has)
        if case is None:
            return None
        looped |= {id(one) for one in own}
        key = tuple((value.text(), lacking is not None) for value, lacking in case.calls)
        other = cases.get(key)
        cases[key] = case if other is None else _both(other, case)
    drawn = [id(one) in looped for one in fills if one.is_random]
    first = drawn.index(True) if True in drawn else 0
    if any(b and not a for a, b in zip(drawn[first:], drawn[first + 1 :], strict=False)):
        return None  # another order of random numbers
    early = {id(one) for one in [f for f in fills if f.is_random][:first]}
    rest = [one for one in fills if id(one) not in looped]
    before, before_lines = _grouped([one for one in rest if id(one) in early])
    after, after_lines = _grouped([one for one in rest if id(one) not in early])
    loop = (Each(tuple(cases.values())),) if cases else ()
    lines = before_lines + sum(map(lines_of, loop)) + after_lines
    return (*before, *loop, *after), lines


def _case(
    kind: str,
    attributes: list[str],
    by: Mapping[tuple[str, str], _Filled],
    has: Mapping[str, set[str]],
) -> tuple[Case | None, list[_Filled]]:
    """What a loop does with the modules of a kind, and the fills that this stands for."""
    own = dict.fromkeys(attributes)
    calls: list[tuple[Expr, Expr | None]] = []
    covered: list[_Filled] = []
    for parameter in dict.fromkeys(p for a, p in by if a in own):
        owners = [a for a in attributes if parameter in has.get(a, ())]
        fills = [by[a, parameter] for a in owners if (a, parameter) in by]
        texts = Counter(one.text for one in fills)
        differ = len(texts) > 1 and any(one.is_random for one in fills)
        (text, times), *_ = texts.most_common(1)
        if len(fills) < len(owners) or differ or times < _FEWEST - 1:
            continue
        alike = [one for one in fills if one.text == text]
        lacking = Attribute(Name("module"), parameter) if len(owners) < len(attributes) else None
        calls.append((alike[0].value, lacking))
        covered += alike
    if not calls:
        return None, []
    origin = tuple(o for one in covered for o in one.fill.origin)
    return Case((Ref(kind),), tuple(calls), tuple(dict.fromkeys(origin))), covered


def _both(one: Case, other: Case) -> Case:
    """One case of two that do the same with modules of other kinds."""
    origin = (*one.origin, *other.origin)
    return replace(one, kinds=(*one.kinds, *other.kinds), origin=origin)


def lines_of(each: Each) -> int:
    """How many lines a loop takes."""
    each_call = (1 + (lacking is not None) for case in each.cases for _, lacking in case.calls)
    # Names in a list take more reading than their line: all modules are better, at as many lines.
    head = 1 + len(statement("for module in ", Sequence("()", each.over), 8)) if each.over else 1
    return head + sum(bool(case.kinds) for case in each.cases) + sum(each_call)


def _grouped(fills: list[_Filled]) -> tuple[list[Fill | Each], int]:
    """Fills with loops over modules, neighbours all, that are filled alike; and their lines."""
    modules = [list(own) for _, own in groupby(fills, key=lambda one: one.attribute)]
    made: list[Fill | Each] = []
    lines = 0
    for _, alike in groupby(modules, key=lambda own: tuple(one.text for one in own)):
        run = list(alike)
        flat = [one for own in run for one in own]
        each = _over(run)
        if len(run) >= _FEWEST and lines_of(each) < sum(one.lines for one in flat):
            made.append(each)
            lines += lines_of(each)
        else:
            made += [one.fill for one in flat]
            lines += sum(one.lines for one in flat)
    return made, lines


def _over(run: list[list[_Filled]]) -> Each:
    """A loop over the modules of fills that are the same for each."""
    origin = tuple(o for own in run for o in own[0].fill.origin)
    calls = tuple((one.value, None) for one in run[0])
    over = tuple(Attribute(Name("self"), own[0].attribute) for own in run)
    return Each((Case((), calls, origin),), over)
