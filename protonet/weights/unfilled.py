"""A net whose parameters wait for weights, without random numbers that these would replace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# What fills a tensor at random, of torch.nn.init and of Tensor.
_FILLS = ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_")


class Unfilled(TorchFunctionMode):
    """While it is on, tensors that would be filled at random are left as they are, and kept."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if getattr(func, "__name__", "") not in _FILLS:
            return func(*args, **(kwargs or {}))
        tensor: Tensor = args[0] if args else kwargs["tensor"]
        self.tensors.append(tensor)
        return tensor

    def is_covered(self, written: Iterable[Tensor]) -> bool:
        """Whether every one of the tensors will be written, to its last element."""
        covered: dict[int, set[tuple[int, int]]] = {}
        for tensor in written:
            span = (int(tensor.storage_offset()), tensor.numel())
            covered.setdefault(_place(tensor), set()).add(span)
        counts = {place: sum(count for _, count in spans) for place, spans in covered.items()}
        return all(
            tensor.is_contiguous() and tensor.numel() == counts.get(_place(tensor), 0)
            for tensor in self.tensors
            if tensor.numel()
        )


def _place(tensor: Tensor) -> int:
    """Where the numbers are; -1 where there are none, as on torch's meta device."""
    return -1 if tensor.is_meta else tensor.untyped_storage().data_ptr()


def made_for(
    make: Callable[[], nn.Module], written: Callable[[nn.Module], list[Tensor]]
) -> nn.Module:
    """A new net, whose tensors are filled by their fillers unless all are ``written`` afterwards.

    torch's random numbers go on behind those that were taken.
    """
    with torch.random.fork_rng(devices=[]), Unfilled() as unfilled:
        net = make()
    return net if unfilled.is_covered(written(net)) else make()
