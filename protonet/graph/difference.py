"""What differs between two nets: layers, fields, shapes and parameters, not their text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import Match, SequenceMatcher
from typing import Any

from protonet.garbage import uncollected
from protonet.graph.cost import NetCost, costs
from protonet.graph.graph import Graph, Node, Value
from protonet.layers.base import show
from protonet.program import single

# Pairs of layers up to which their best alignment is looked for, which takes the square of them.
_ALIGNED = 250_000
# What places a layer rather than says what it does, or is told in another way.
_SKIPPED = frozenset(
    ("name", "type", "bottom", "top", "phase", "include", "exclude", "blobs", "loss_weight")
) | {"propagate_down"}

# What of a layer changes where only what it reads has another shape.
_FOLLOWING = frozenset(("output", "parameters"))

# What a window has, with what it is where the text states none; stated once or for each side.
_WINDOWS = {"kernel_size": "", "stride": "1", "pad": "0", "dilation": "1"}


@dataclass(frozen=True)
class Change:
    """One difference. ``kind`` is removed, added, renamed, changed or total.

    ``what`` is the field, shape or count that differs; before or after is "" where there is none.
    One that ``follows`` is of a layer that is as it was, and reads another shape than it did.
    """

    kind: str
    layer: str
    what: str
    before: str
    after: str
    follows: bool = False


@uncollected()
def differences(before: Graph, after: Graph) -> list[Change]:
    """Every change from one net to the other; none where they are the same net.

    Layers are paired by name and type; those left by what they do, in their order, which finds the
    ones that are only called otherwise. Neither the names of blobs nor the order of layers count:
    what counts is which layer's top is read. A default that is stated is no change.
    """
    pairs = _paired(before.nodes, after.nodes)
    old, new = costs(before), costs(after)
    sizes = {c.node: c.parameters for c in (*old.layers, *new.layers)}
    found = [
        Change("changed", "", name, a, b)
        for name, a, b in (
            ("name of the net", before.name, after.name),
            ("force_backward", str(before.force_backward), str(after.force_backward)),
        )
        if a != b
    ]
    nodes = (*before.nodes, *after.nodes)
    port = {value: index for node in nodes for index, value in enumerate(node.outputs)}
    for node in before.nodes:
        other = pairs.get(node)
        if other is None:
            found.append(Change("removed", node.name, "type", node.type, ""))
            continue
        if other.name != node.name:
            found.append(Change("renamed", node.name, "name", node.name, other.name))
        changes = list(_changes(node, other, pairs, port))
        if sizes[node] != sizes[other]:
            counts = f"{sizes[node]:,}", f"{sizes[other]:,}"
            changes.append(Change("changed", node.name, "parameters", *counts))
        follows = bool(node.inputs) and all(change.what in _FOLLOWING for change in changes)
        found += [replace(change, follows=follows) for change in changes]
    kept = set(pairs.values())
    found += [Change("added", n.name, "type", "", n.type) for n in after.nodes if n not in kept]
    return [*found, *_totals(old, new)]


def _paired(before: Sequence[Node], after: Sequence[Node]) -> dict[Node, Node]:
    """Each layer's counterpart, where it has one."""
    pairs: dict[Node, Node] = {}
    _pair_by_name(before, after, pairs, typed=True)
    taken = set(pairs.values())
    left = [node for node in before if node not in pairs]
    right = [node for node in after if node not in taken]
    _pair_by_form(left, right, pairs)
    _pair_by_name(before, after, pairs, typed=False)
    return pairs


def _pair_by_form(left: Sequence[Node], right: Sequence[Node], pairs: dict[Node, Node]) -> None:
    """Pair what does the same, in the same order: what both begin and end with, then the rest.

    Of a rest too long for the best alignment, each takes the next of its form.
    """
    a, b = [_form(node) for node in left], [_form(node) for node in right]
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    pairs.update(zip(left[:start], right[:start], strict=True))
    pairs.update(zip(left[len(a) - end :], right[len(b) - end :], strict=True))
    inner, outer = a[start : len(a) - end], b[start : len(b) - end]
    if len(inner) * len(outer) > _ALIGNED:
        blocks = _next_of_form(inner, outer)
    else:
        blocks = SequenceMatcher(None, inner, outer, autojunk=False).get_matching_blocks()
    for i, j, size in blocks:
        i, j = i + start, j + start  # noqa: PLW2901 (places in the whole)
        pairs.update(zip(left[i : i + size], right[j : j + size], strict=True))


def _common(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How many of the first elements are the same."""
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _next_of_form(a: Sequence[Any], b: Sequence[Any]) -> list[Match]:
    waiting: dict[Any, deque[int]] = {}
    for j, form in enumerate(b):
        waiting.setdefault(form, deque()).append(j)
    places = ((i, waiting.get(form)) for i, form in enumerate(a))
    return [Match(i, queue.popleft(), 1) for i, queue in places if queue]


def _pair_by_name(
    before: Sequence[Node], after: Sequence[Node], pairs: dict[Node, Node], *, typed: bool
) -> None:
    taken = set(pairs.values())
    waiting: dict[tuple[str, str], deque[Node]] = {}
    for node in after:
        if node not in taken:
            waiting.setdefault((node.name, node.type if typed else ""), deque()).append(node)
    for node in before:
        same = waiting.get((node.name, node.type if typed else ""))
        if node not in pairs and same:
            pairs[node] = same.popleft()


def _form(node: Node) -> tuple[str, ...]:
    """What a layer does, whatever it is called."""
    fields = _fields(node.layer.message).items()
    stated = (f"{name} {text}" for name, (text, default) in fields if text != default)
    return (node.type, *sorted(stated), *_shapes(node))


def _shapes(node: Node) -> tuple[str, ...]:
    return tuple(show(value.shape) for value in node.outputs)


def _changes(
    node: Node, other: Node, pairs: Mapping[Node, Node], port: Mapping[Value, int]
) -> Iterator[Change]:
    """How a layer differs from its counterpart; ``port`` is a value's place among the tops."""
    for what, old, new in (
        ("type", node.type, other.type),
        ("output", ", ".join(_shapes(node)), ", ".join(_shapes(other))),
        ("loss_weight", _numbers(node.loss_weights), _numbers(other.loss_weights)),
        ("propagate_down", str(node.propagate_down), str(other.propagate_down)),
    ):
        if old != new:
            yield Change("changed", node.name, what, old, new)
    reads = [(pairs.get(v.producer), port[v]) for v in node.inputs]
    if reads != [(v.producer, port[v]) for v in other.inputs]:
        yield Change("changed", node.name, "reads", _sources(node), _sources(other))
    both = [_fields(one.layer.message) for one in (node, other)]
    if node.type != other.type:  # the message of a type comes and goes with it
        shared = set.intersection(*({_top(name) for name in fields} for fields in both))
        both = [{n: f for n, f in fields.items() if _top(n) in shared} for fields in both]
    for name in dict.fromkeys(name for fields in both for name in fields):
        default = next(fields[name][1] for fields in both if name in fields)
        old, new = (_stated(fields.get(name, (default, ""))[0]) for fields in both)
        if old != new:
            yield Change("changed", node.name, name, old, new)


def _top(path: str) -> str:
    """The field of a layer that a path begins with."""
    return path.partition(".")[0]


def _stated(value: str) -> str:
    """A value; an empty text says nothing."""
    return "" if value == '""' else value


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _sources(node: Node) -> str:
    """The layers that a layer reads."""
    return ", ".join(value.producer.name for value in node.inputs)


def _fields(message: Any, before: str = "") -> dict[str, tuple[str, str]]:
    """The stated fields by their path: the value as text, and the default, "" where none."""
    found: dict[str, tuple[str, str]] = {}
    for field, value in message.ListFields():
        name = f"{before}{field.name}"
        if not before and field.name in _SKIPPED:
            continue
        several = hasattr(value, "append") or hasattr(value, "add")
        values = value if several else [value]
        if field.message_type:
            for index, inner in enumerate(values):
                at = f"{name}[{index}]." if several else f"{name}."
                found.update(_fields(inner, at))
            continue
        texts = [_text(field, v) for v in values]
        default = "" if several else _text(field, field.default_value)
        found[name] = (", ".join(texts), default)
    for window, default in _WINDOWS.items():
        _join_sides(found, f"{before}{window}", default)
    return found


def _join_sides(found: dict[str, tuple[str, str]], name: str, default: str) -> None:
    """State a window's size in one way: one number, or the height's and the width's."""
    sides = [f"{name.removesuffix('_size')}_{side}" for side in "hw"]
    if any(side in found for side in sides):
        both = [found.pop(side, ("0", ""))[0] for side in sides]
        found[name] = (", ".join(both), default)
    if name in found:
        text, stated = found[name]
        sizes = dict.fromkeys(text.split(", "))
        found[name] = (text if len(sizes) > 1 else text.split(", ")[0], stated or default)


def _text(field: Any, value: Any) -> str:
    """A value as prototxt writes it."""
    if field.enum_type:
        return str(field.enum_type.values_by_number[value].name)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | bytes):
        return f'"{value}"' if isinstance(value, str) else repr(value)
    return f"{single(value):g}" if isinstance(value, float) else str(value)


def _totals(old: NetCost, new: NetCost) -> Iterator[Change]:
    """The totals that differ."""
    for what, before, after in (
        ("parameters", old.parameters, new.parameters),
        ("multiply-adds", old.multiply_adds, new.multiply_adds),
    ):
        if before != after:
            yield Change("total", "", what, f"{before:,}", f"{after:,}")
