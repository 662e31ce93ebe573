"""Whether a module still is what it was: the same parts, holding the same values."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class _Held:
    """A tensor, where its values are and how often they were written; the alias keeps the place."""

    tensor: Tensor
    alias: Tensor
    version: int


class Fingerprint:
    """What a module was made of, and its mode, when something was computed from its parameters.

    Writing into a parameter is noticed, as is replacing one, or a part; not what numpy writes
    into memory that it shares with one.
    """

    def __init__(self, net: nn.Module) -> None:
        self._parts = [(each, list(each._modules.items())) for each in net.modules()]
        self._modes = [each.training for each, _ in self._parts]
        self._held = [_held(tensor) for tensor in self._tensors()]

    def holds(self) -> bool:
        """Whether nothing was changed since."""
        now = self._tensors()
        if any(list(each._modules.items()) != parts for each, parts in self._parts):
            return False
        if [each.training for each, _ in self._parts] != self._modes:
            return False
        return len(now) == len(self._held) and all(
            held.tensor is tensor
            and held.alias.data_ptr() == tensor.data_ptr()
            and held.version == _version(tensor)
            for held, tensor in zip(self._held, now, strict=True)
        )

    def _tensors(self) -> list[Tensor]:
        return [
            tensor
            for module, _ in self._parts
            for own in (module._parameters, module._buffers)
            for tensor in own.values()
            if tensor is not None
        ]


def _held(tensor: Tensor) -> _Held:
    return _Held(tensor, tensor.detach(), _version(tensor))


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
