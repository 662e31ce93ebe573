"""What operations make of tensors without numbers: torch is asked once for operands of a kind."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

FOUND = {}


class Kind(NamedTuple):
    """All there is to a tensor on the device meta."""

    size: tuple
    stride: tuple
    dtype: torch.dtype


def made(func, args, kwargs, flat, form):
    """The result of an operation, in new tensors; FLAT and FORM are its arguments as a tree."""
    key = (func, f"{form}", *map(known_by, flat))
    if key not in FOUND:
        out = func(*args, **kwargs)
        leaves, tree = tree_flatten(out)
        if not is_new_and_empty(func, leaves):
            return out
        FOUND[key] = [Kind(tuple(y.shape), y.stride(), y.dtype) for y in leaves], tree
    kinds, tree = FOUND[key]
    return tree_unflatten([fresh(*kind) for kind in kinds], tree)


def known_by(argument):
    if isinstance(argument, torch.Tensor):
        return argument.device, Kind(tuple(argument.shape), argument.stride(), argument.dtype)
    return type(argument), argument


def is_new_and_empty(func, leaves):
    """Whether results are neither views nor what was written to, and hold no numbers."""
    schema = func._schema
    if any(place.alias_info for place in (*schema.arguments, *schema.returns)):
        return False
    return all(isinstance(y, torch.Tensor) and y.is_meta for y in leaves)


def fresh(size, stride, dtype):
    return torch.empty_strided(size, stride, dtype=dtype, device="meta")
