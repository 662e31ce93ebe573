"""Operators that only move elements, done on the numbers of their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import torch
from torch.fx import Node

from protonet.lifting.movement.moves import IDENTITIES, LIKES, MOVES, SOURCES, ZEROING, is_copy
from protonet.lifting.movement.seen import elements_of, rows_of, seen_of
from protonet.lifting.trace import name_of
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import count

Arguments: TypeAlias = Sequence[object]
NamedArguments: TypeAlias = Mapping[str, object]


def is_movement(node: Node, given: Arguments) -> bool:
    """Whether an operator gives the elements of one blob, and zeros, as they are."""
    name = name_of(node)
    if name in IDENTITIES:
        return isinstance(given[0], NewBlob | View) and is_copy(node, given)
    if name not in MOVES or not MOVES[name](given):
        return False
    sources, places = _split(name, given)
    bases = {id(_base(source)) for source in sources if not isinstance(source, Constant)}
    if len(bases) != 1 or (name == "copy" and not is_copy(node, given)):
        return False
    if name not in LIKES and any(not isinstance(each, Constant) for each in _all_held(places)):
        return False
    constants = [source.tensor.any() for source in sources if isinstance(source, Constant)]
    return not any(map(bool, [*constants, *_numbers(name, given)]))


def moves_only(node: Node) -> bool:
    """Whether an operator gives the elements of what it is given as they are, whatever that is."""
    name = name_of(node)
    return name in IDENTITIES or (name in MOVES and name not in ZEROING and name not in SOURCES)


def moved(node: Node, args: Arguments, kwargs: NamedArguments) -> object:
    """What such an operator gives: views of the blob, or the value itself where all stays."""
    name = name_of(node)
    given = [*args, *kwargs.values()]
    if name in IDENTITIES:
        return given[0]
    sources, _ = _split(name, given)
    steps = tuple(sources)
    (base,) = {_base(source) for source in sources if not isinstance(source, Constant)}
    assert base is not None
    zeros = any(isinstance(source, Constant) for source in sources) or _numbers(name, given)
    made = computed(node, args, kwargs, steps, 1 if zeros or name in ZEROING else 0)
    views = tuple(View(base, each, node, steps) for each in made)
    return views[0] if isinstance(node.meta["val"], torch.Tensor) else views


def computed(
    node: Node, args: Arguments, kwargs: NamedArguments, sources: Sequence[Held], shift: int
) -> tuple[torch.Tensor, ...]:
    """All that the operator gives on places, counted from ``shift``.

    The places are whole numbers where the operator takes them.
    """
    for dtype in (torch.int64, torch.float64):

        def places(value: object, dtype: torch.dtype = dtype) -> object:
            if isinstance(value, Held) and any(value is source for source in sources):
                return _places(value, shift).contiguous().to(dtype)
            if isinstance(value, Constant):
                return value.tensor
            return torch.zeros(value.shape, dtype=dtype) if isinstance(value, Held) else value

        try:
            made = called(node, args, kwargs, places)
        except (RuntimeError, NotImplementedError):
            if dtype is torch.float64:
                raise
            continue
        break
    return tuple(each.long() - shift if shift else each.long() for each in _tensors(made))


def _split(name: str, given: Arguments) -> tuple[list[Held], list[object]]:
    """What an operator takes elements of, and its other arguments."""
    places = SOURCES.get(name, (0,))
    sources = [value for place in places for value in _all_held(given[place : place + 1])]
    return sources, [value for place, value in enumerate(given) if place not in places]


def _numbers(name: str, given: Arguments) -> list[float]:
    """The numbers among what an operator takes elements of."""
    chosen = [given[i] for i in SOURCES.get(name, ())]
    return [each for each in chosen if isinstance(each, bool | int | float)]


def _all_held(given: Arguments) -> list[Held]:
    """The tensors among arguments."""
    found: list[Held] = []
    for value in given:
        if isinstance(value, list | tuple):
            found += _all_held(value)
        elif isinstance(value, Held):
            found.append(value)
    return found


def _base(value: Held) -> NewBlob | None:
    if isinstance(value, View):
        return value.base
    return value if isinstance(value, NewBlob) else None


def _places(value: Held, shift: int) -> torch.Tensor:
    if isinstance(value, Constant):
        return torch.full(value.shape, shift - 1)
    if isinstance(value, View):
        return value.index + shift if shift else value.index
    return torch.arange(shift, count(value.shape) + shift).view(value.shape)


def called(
    node: Node, args: Arguments, kwargs: NamedArguments, change: Callable[[object], object]
) -> object:
    """What the operator gives of its arguments with a change to each."""
    assert callable(node.target)
    with torch.no_grad():
        made: object = node.target(
            *(mapped(each, change) for each in args),
            **{name: mapped(each, change) for name, each in kwargs.items()},
        )
    return made


def _tensors(made: object) -> Iterator[torch.Tensor]:
    """The one tensor that an operator gives, or each of several."""
    for each in made if isinstance(made, list | tuple) else (made,):
        assert isinstance(each, torch.Tensor)
        yield each


def mapped(value: object, change: Callable[[object], object]) -> object:
    """A value with a change to all that stands in it, in lists and dicts too."""
    if isinstance(value, list | tuple):
        return type(value)(mapped(each, change) for each in value)
    if isinstance(value, dict):
        return {key: mapped(each, change) for key, each in value.items()}
    return change(value)


def moved_from(view: View, step: View, before: NewBlob) -> View:
    """A view that one step gives, from the blob of that step instead."""
    row = min(seen_of(view).row, seen_of(step).row)
    flat = rows_of(step.index, row)
    index = torch.full((count(view.base.shape) // row + 1,), -2)
    index[flat] = torch.arange(len(flat))
    index[-1] = -1  # the place of a zero
    places = elements_of(index[rows_of(view.index, row)], row)
    return View(before, places.view(view.shape), view.node, (before,))
