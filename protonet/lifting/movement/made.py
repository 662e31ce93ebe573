"""A view as a blob: the shortest form in which layers can say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

import torch

from protonet.lifting.draft import NewLayer
from protonet.lifting.movement.forms import (
    convolved,
    darknets,
    deconvolved,
    joined,
    listed,
    reindexed,
    reshaped,
    sliced,
    surrounded,
    tiled,
    turned,
)
from protonet.lifting.movement.moved import moved_from
from protonet.lifting.movement.seen import Seen, seen_of
from protonet.lifting.names import path_of
from protonet.lifting.operator import Operator
from protonet.lifting.refusal import Refusal
from protonet.lifting.values import NewBlob, View
from protonet.shape import count

Form: TypeAlias = Callable[[Operator, Seen], NewBlob | None]

# Those that compute nothing come first, and where two are of one length the first is taken.
_PLAIN: tuple[Form, ...] = (reshaped.form, sliced.form)
_FORMS: tuple[Form, ...] = (
    tiled.form,
    turned.form,
    darknets.form,
    deconvolved.form,
    listed.form,
    convolved.form,
    surrounded.form,
)
_LAST: tuple[Form, ...] = (reindexed.form,)
_COMPUTING = frozenset(("Convolution", "Deconvolution", "InnerProduct"))


def made(operator: Operator, view: View) -> NewBlob:
    """The blob of a view's elements. Refusal where no layers of the dialect give it."""
    if view.made is None:
        own = replace(operator, node=view.node)
        found = _shortest(own, view)
        if found is None:
            own.refuse("no layers of it bring the elements into this order")
        view.made = found
        _call(own, view, found)
    return view.made


def direct(operator: Operator, seen: Seen) -> NewBlob | None:
    """A view in the shortest form that leads from the blob that its elements are of."""
    for forms in ((each,) for each in _PLAIN):
        found = _tried(operator, seen, forms)
        if found:
            return found[0]
    blobs = _tried(operator, seen, _FORMS) or _tried(operator, seen, _LAST)
    return min(blobs, key=lambda blob: cost(operator, blob, (seen.base,)), default=None)


def cost(operator: Operator, blob: NewBlob, ends: Iterable[NewBlob]) -> float:
    """How many layers lead to a blob from others, those that compute counted as several."""
    makers = {id(top): layer for layer in operator.draft.layers for top in layer.tops}
    seen, found, left = {id(end) for end in ends}, {}, [blob]
    while left:
        one = left.pop()
        layer = makers.get(id(one))
        if id(one) in seen or layer is None:
            continue
        seen |= {id(top) for top in layer.tops}
        found[_joined_key(layer)] = _price(layer)
        left += layer.bottoms
    return sum(found.values())


def _joined_key(layer: NewLayer) -> tuple[object, ...]:
    """One for all Slices of a blob along an axis, since they become one."""
    if layer.type == "Slice":
        return id(layer.bottoms[0]), layer.message.slice_param.axis
    return (id(layer),)


def _price(layer: NewLayer) -> float:
    """1, and 1 for every ten million products and hundred thousand weights, more for a look-up."""
    price = 1.0 + (layer.type in ("BatchReindex", "Parameter"))
    if layer.type in _COMPUTING:
        ends = (layer.tops if layer.type != "Deconvolution" else layer.bottoms)[0].shape
        weight = layer.blobs[0]
        channel = 1 if layer.type != "InnerProduct" else len(ends) - 1
        price += count(ends) / ends[channel] * weight.size / 1e7 + weight.size / 1e5
    return price


def _tried(operator: Operator, seen: Seen, forms: Iterable[Form]) -> list[NewBlob]:
    """The blobs of those forms that can say a view."""
    found = []
    for form in forms:
        try:
            blob = form(operator, seen)
        except Refusal:
            continue
        if blob is not None:
            found.append(blob)
    return found


def _shortest(operator: Operator, view: View) -> NewBlob | None:
    """The view in one go, or from the values that its operator was given where that is shorter."""
    first = direct(operator, seen_of(view))
    price = cost(operator, first, (view.base,)) if first else float("inf")
    if price <= 1 and _is_plain(operator, first):
        return first
    ways = [way for way in (_by_step(operator, view), joined.form(operator, seen_of(view))) if way]
    for blob, sources in ways:
        other = cost(operator, blob, sources)
        if other < price or (other == price and _is_plain(operator, blob)):
            first, price = blob, other
    return first


def _is_plain(operator: Operator, blob: NewBlob | None) -> bool:
    """Whether a blob comes of no layer that computes, or is none's."""
    maker = next((each for each in operator.draft.layers[::-1] if blob in each.tops), None)
    return maker is None or maker.type not in _COMPUTING


def _by_step(operator: Operator, view: View) -> tuple[NewBlob, tuple[NewBlob, ...]] | None:
    """The view from the blob of the one value that its operator was given, and its begin."""
    if len(view.steps) != 1 or not isinstance(view.steps[0], View):
        return None
    step = view.steps[0]
    was_made = step.made is not None
    try:
        before = made(operator, step)
    except Refusal:
        return None
    found = direct(operator, seen_of(moved_from(view, step, before)))
    parts = view.node.meta.get("val")
    is_shared = was_made or len(step.node.users) > 1 or isinstance(parts, list | tuple)
    return (found, (view.base, before) if is_shared else (view.base,)) if found else None


def _call(operator: Operator, view: View, blob: NewBlob) -> None:
    """Name the last layer after the operator alone, and let the blob be its value."""
    value = view.node.meta.get("val")
    if operator.held.get(view.node) is not view or not isinstance(value, torch.Tensor):
        return
    if tuple(value.shape) != blob.shape:
        return
    layer = next((each for each in operator.draft.layers[::-1] if blob in each.tops), None)
    if layer is not None and layer.node is view.node and len(layer.tops) == 1:
        layer.path = blob.path = path_of(view.node)
    operator.draft.values.setdefault(view.node, blob)
