"""From torch's graph to a draft: every operator in its order, by its pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export.graph_signature import InputKind
from torch.fx import Node

from protonet.lifting.captured import Captured
from protonet.lifting.dialects import Dialect
from protonet.lifting.draft import Draft
from protonet.lifting.movement.made import made
from protonet.lifting.movement.moved import called, is_movement, mapped, moved, moves_only
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import fusions_of, pattern_of
from protonet.lifting.refusal import Refusal, Refused, raise_refused
from protonet.lifting.trace import name_of
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import show


def walked(captured: Captured, dialect: Dialect) -> Draft:
    """The draft of a program. NetError with every operator that can't be said, in its place."""
    draft = Draft(dialect)
    held = _inputs(captured, draft)
    for node in captured.graph.nodes:
        if node.op == "call_function":
            try:
                held[node] = _value(node, held, draft)
            except Refusal as refusal:
                held[node] = _missing(node, Refused(node, refusal), held)
            if isinstance(held[node], NewBlob):
                draft.values[node] = held[node]
        elif node.op == "output":
            draft.results = [held.get(each) for each in captured.results(node)]
    raise_refused(_needed(draft), dialect)
    _outputs(captured, draft, held)
    return draft


def _inputs(captured: Captured, draft: Draft) -> dict[Node, Any]:
    held: dict[Node, Any] = {}
    specs = captured.program.graph_signature.input_specs
    for node, spec in zip(captured.placeholders, specs, strict=True):
        if spec.kind is InputKind.USER_INPUT:
            value = node.meta.get("val")
            if isinstance(value, torch.Tensor):
                blob = NewBlob(tuple(value.shape), captured.input_name(node))
                draft.inputs.append(blob)
                held[node] = draft.values[node] = blob
            else:
                held[node] = value
        else:
            tensor = captured.tensor(spec)
            held[node] = Constant(tensor)
            if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
                draft.remember(tensor, spec.kind is InputKind.PARAMETER)
    return held


def _outputs(captured: Captured, draft: Draft, held: dict[Node, Any]) -> None:
    """Make blobs of what the program returns."""
    errors = []
    for node, value in zip(captured.returned, draft.results, strict=True):
        try:
            if isinstance(value, Held):
                blob = Operator(node, draft, made, held).blob(value)
                draft.outputs.append(blob)
                draft.values.setdefault(node, blob)
        except Refusal as refusal:
            errors.append(Refused(node, refusal))
    raise_refused(errors, draft.dialect)


def _value(node: Node, held: dict[Node, Any], draft: Draft) -> object:
    """What an operator gives. Refusal where it can't be said."""
    args: Any = torch.fx.node.map_arg(node.args, held.__getitem__)
    kwargs: Any = torch.fx.node.map_arg(node.kwargs, held.__getitem__)
    given = [*args, *kwargs.values()]
    operator = Operator(node, draft, made, held)
    for fusion in fusions_of(name_of(node)):
        found = fusion(operator)
        if found is not None:
            return _fitting(node, found)
    if name_of(node) == "getitem":
        return args[0][args[1]]
    if _is_known(given):
        return _folded(node, args, kwargs, draft)
    if is_movement(node, given):
        return moved(node, args, kwargs)
    pattern = pattern_of(name_of(node))
    if pattern is None:
        raise Refusal("no layer does this", _OTHERWISE)
    return _fitting(node, pattern(operator, *args, **kwargs))


def _fitting(node: Node, found: object) -> object:
    """What a pattern gave, seen to be of the operator's shapes. Refusal where it is not."""
    right = node.meta.get("val")
    if isinstance(found, tuple):
        return tuple(found)
    if right is not None and isinstance(found, Held) and tuple(right.shape) != found.shape:
        raise Refusal(f"its layer gives {show(found.shape)} for {show(tuple(right.shape))}")
    return found


_OTHERWISE = "do it after the net, on what comes out; or write it with operators that it has"


def _is_known(given: object) -> bool:
    """Whether every tensor among arguments is a constant."""
    if isinstance(given, list | tuple):
        return all(map(_is_known, given))
    return not isinstance(given, Held) or isinstance(given, Constant)


def _folded(
    node: Node, args: Sequence[object], kwargs: Mapping[str, object], draft: Draft
) -> object:
    """The value of an operator over constants, computed now.

    What only moves the elements of a parameter is that parameter still.
    """

    def tensor(value: object) -> object:
        return value.tensor if isinstance(value, Constant) else value

    made = called(node, args, kwargs, tensor)
    source = args[0] if args else None
    trained = isinstance(source, Constant) and draft.is_trained(source.tensor)
    if trained and isinstance(made, torch.Tensor) and moves_only(node):
        draft.remember(made, is_trained=True)
    return mapped(made, lambda each: Constant(each) if isinstance(each, torch.Tensor) else each)


def _missing(node: Node, refused: Refused, held: dict[Node, Any]) -> object:
    """What stands for all that an operator would give, so that those after it are seen as well."""
    needs = tuple(held.get(each) for each in node.all_input_nodes)

    def one(value: object) -> object:
        if not isinstance(value, torch.Tensor):
            return value
        return NewBlob(tuple(value.shape), "", refused, needs)

    return mapped(node.meta.get("val"), one)


def _needed(draft: Draft) -> list[Refused]:
    """The refusals of what the outputs are made from, in the order of the operators."""
    makers = {id(top): layer for layer in draft.layers for top in layer.tops}
    found: dict[Node, Refused] = {}
    waiting, seen = list(draft.results), set()
    while waiting:
        value = waiting.pop()
        value = value.base if isinstance(value, View) else value
        if not isinstance(value, NewBlob) or id(value) in seen:
            continue
        seen.add(id(value))
        if value.refused is not None:
            found[value.refused.node] = value.refused
        waiting += value.needs
        if id(value) in makers:
            waiting += makers[id(value)].bottoms
    return [found[node] for node in sorted(found)]
