"""Operators that only move elements, done on the numbers of their places."""

from __future__ import annotations

from typing import Any

import torch

from protonet.lifting.trace import name_of
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import count

# Each takes elements of its tensors as they are: none is computed with another.
_MOVES = frozenset(
    "view reshape _unsafe_view _reshape_alias flatten unflatten permute transpose t squeeze "
    "unsqueeze slice select narrow expand expand_as flip roll pixel_shuffle pixel_unshuffle "
    "channel_shuffle native_channel_shuffle clone contiguous alias detach detach_ lift_fresh_copy "
    "unfold repeat tile repeat_interleave movedim swapaxes rot90 view_as reshape_as "
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d reflection_pad1d reflection_pad2d "
    "replication_pad1d replication_pad2d split split_with_sizes chunk unbind tensor_split "
    "unsafe_split unsafe_chunk index_select dropout feature_dropout alpha_dropout _to_copy to "
    "broadcast_to squeeze_copy identity".split()
)
_ZERO_PADS = frozenset(("constant_pad_nd", "pad"))
_JOINS = frozenset(("cat", "stack", "concat"))


def is_movement(node: Any, given: list[Any]) -> bool:
    """Whether an operator gives the elements of one blob as they are, in other places."""
    name = name_of(node)
    if name in _ZERO_PADS:
        return _pads_zeros(given) and _is_one(given)
    if name in _JOINS:
        return _is_one(given) and len(_sources(given)) > 1
    return name in _MOVES and _is_one(given)


def moved(node: Any, args: Any, kwargs: Any) -> Any:
    """What such an operator gives: views of the blob."""
    sources = _sources([*args, *kwargs.values()])
    base = _base(sources[0])
    floats = name_of(node) not in _JOINS

    def places(value: Any) -> Any:
        if isinstance(value, Constant):
            return value.tensor
        if isinstance(value, Held):
            return _places(value).double() if floats else _places(value)
        return value

    args, kwargs = _shifted(node, args, kwargs)
    with torch.no_grad():
        made = node.target(*_mapped(args, places), **_mapped(kwargs, places))
    several = isinstance(made, list | tuple)
    views = [
        View(base, each.long(), node, tuple(sources)) for each in (made if several else [made])
    ]
    return tuple(views) if several else views[0]


def _shifted(node: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The arguments of an operator on places: zeros come in as the place that is none."""
    if name_of(node) in _ZERO_PADS:
        return (args[0], args[1], *(("constant",) if name_of(node) == "pad" else ()), -1.0), {}
    if name_of(node) in ("_to_copy", "to"):
        return (args[0], torch.int64), {}
    return args, kwargs


def _pads_zeros(given: list[Any]) -> bool:
    rest = given[2:]
    return all(value in ("constant", 0, None) for value in rest if not isinstance(value, Held))


def _is_one(given: list[Any]) -> bool:
    """Whether all that moves comes from one blob, what tells where being constant."""
    bases = {id(_base(source)) for source in _sources(given)}
    return len(bases) == 1 and None not in map(_base, _sources(given))


def _sources(given: list[Any]) -> list[Any]:
    """The blobs and views among arguments."""
    found: list[Any] = []
    for value in given:
        if isinstance(value, list | tuple):
            found += _sources(list(value))
        elif isinstance(value, NewBlob | View):
            found.append(value)
    return found


def _base(value: Any) -> NewBlob | None:
    if isinstance(value, View):
        return value.base
    return value if isinstance(value, NewBlob) else None


def _places(value: Any) -> torch.Tensor:
    if isinstance(value, View):
        return value.index
    return torch.arange(count(value.shape)).reshape(value.shape)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_mapped(each, change) for each in value)
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    return change(value)


def moved_from(view: View, before: NewBlob) -> View:
    """A view that one step gives, from the blob of that step instead."""
    source = view.steps[0]
    index = torch.full((int(source.index.max()) + 1,), -1) if isinstance(source, View) else None
    assert index is not None, "a blob needs no other"
    flat = source.index.flatten()
    index[flat.clamp(min=0)] = torch.arange(len(flat))
    places = torch.where(view.index < 0, -1, index[view.index.clamp(min=0)])
    return View(before, places, view.node, (before,))
