"""Zeros around a value: what a window's own padding, or a few layers, can stand for."""

from __future__ import annotations

from typing import TypeAlias

import torch

from protonet.lifting.values import Held, NewBlob, View
from protonet.shape import count

Pads: TypeAlias = tuple[tuple[int, int], ...]


def padded(value: Held) -> tuple[Held, Pads] | None:
    """What a value is with the zeros around its last two axes taken off, and how many they are.

    The pads are ((top, bottom), (left, right)). None where there are no zeros at its edges, or
    nothing else; the value inside may have zeros of its own.
    """
    found = bordered(value)
    if found is None:
        return None
    pads = ((0, 0),) * (len(found) - 2) + found[-2:]
    if len(pads) < 2 or not any(map(any, pads)):
        return None
    assert isinstance(value, View)
    return within(value, pads), pads[-2:]


def bordered(value: Held) -> Pads | None:
    """How many zeros stand before and behind a value along each axis; None where all are."""
    if not isinstance(value, View) or not value.shape:
        return None
    if not value.index.numel() or int(value.index.min()) >= 0:
        return ((0, 0),) * len(value.shape) if value.index.numel() else None
    there = value.index >= 0
    if not bool(there.any()):
        return None
    pads = []
    for axis, size in enumerate(value.shape):
        others = [other for other in range(len(value.shape)) if other != axis]
        line = torch.nonzero(there.amax(others) if others else there).flatten()
        pads.append((int(line[0]), size - 1 - int(line[-1])))
    return tuple(pads)


def within(view: View, pads: Pads) -> Held:
    """The value inside borders: the very one that was padded where that can be told."""
    index = view.index
    for axis, (before, behind) in enumerate(pads):
        index = index.narrow(axis, before, index.shape[axis] - before - behind)
    for step in view.steps:
        if isinstance(step, View) and torch.equal(step.index, index):
            return step
    base: NewBlob = view.base
    if tuple(index.shape) == base.shape:
        whole = torch.arange(count(base.shape)).view(base.shape)
        if torch.equal(index, whole):
            return base
    return View(base, index, view.node, view.steps)
