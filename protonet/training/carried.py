"""What modules carry from one pass to the next and no file of weights has, as JSON can hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from protonet.data.position import Position

_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}

Start = Mapping[str, Tensor]


def started(module: nn.Module) -> Start:
    """The buffers that no file of weights has, as they are before the first pass."""
    return {name: part.detach().cpu().clone() for name, part in _buffers(module)}


def carried(module: nn.Module, start: Start) -> Position:
    """Those that passes changed; a table that stays as it was made is left out."""
    found = ((name, part.detach().cpu()) for name, part in _buffers(module))
    return {name: _written(part) for name, part in found if not _same(part, start[name])}


def carry_on(module: nn.Module, start: Start, saved: Position) -> None:
    """Go on with what ``carried`` gave. ValueError and others where it is another module's."""
    own = dict(_buffers(module))
    for name, part in saved.items():
        if name not in own:
            raise ValueError(f"the net carries no {name!r}")
        owner, _, leaf = name.rpartition(".")
        value = _read(name, part, start[name]).to(own[name].device)
        setattr(module.get_submodule(owner), leaf, value)


def _buffers(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    kept = module.state_dict(keep_vars=True)
    return ((name, part) for name, part in module.named_buffers() if name not in kept)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _written(part: Tensor) -> Position:
    kind = str(part.dtype).removeprefix("torch.")
    return {"dtype": kind, "shape": list(part.shape), "values": part.flatten().tolist()}


def _read(name: str, saved: Position, start: Tensor) -> Tensor:
    """A saved buffer; its precision may be another, as autocast leaves a state's."""
    dtype, shape = _DTYPES[saved["dtype"]], saved["shape"]
    if shape != list(start.shape) or dtype.is_floating_point != start.dtype.is_floating_point:
        ours = f"{str(start.dtype).removeprefix('torch.')} of {list(start.shape)}"
        raise ValueError(f"{name!r} is {saved['dtype']} of {shape} there, {ours} in the net")
    values = saved["values"]
    kinds = (int, float) if dtype.is_floating_point else (int,)  # a bool is an int
    if not isinstance(values, list) or not all(isinstance(value, kinds) for value in values):
        raise ValueError(f"{name!r} has values that are no numbers of {saved['dtype']}")
    return torch.tensor(values, dtype=dtype).reshape(shape)
