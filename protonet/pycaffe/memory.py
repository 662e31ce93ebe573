"""LiveMemory of blobs: a tensor and the arrays over it that a script may hold."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import cast

import torch
from torch import Tensor

from protonet.arrays import Array
from protonet.shape import Shape, count

_OWN = 2  # references to an array that only its memory holds, as getrefcount counts them


class LiveMemory:
    """Single-precision numbers in Caffe's order, of which blobs have views in their shapes.

    Arrays over it stay live: what a pass computes is copied to where they look. Where a script
    holds none, a result takes the memory's place as it is. It never shrinks. ``late`` computes the
    numbers where they are to be read first. Source: SyncedMemory, Blob::Reshape.
    """

    late: Callable[[LiveMemory], None] | None = None

    def __init__(self, size: int, value: float = 0.0) -> None:
        self.value = value
        self.size = size
        self._tensor: Tensor | None = None
        self._array: Array | None = None

    @property
    def tensor(self) -> Tensor:
        """All of the numbers, in one row."""
        if self.late is not None:
            late, self.late = self.late, None
            late(self)
        if self._tensor is None:
            self._tensor = torch.full((self.size,), self.value)
        return self._tensor

    def view(self, shape: Shape) -> Tensor:
        """The first numbers as a tensor of a shape."""
        size = count(shape)
        whole = self.tensor
        return whole.view(shape) if size == whole.numel() else whole[:size].view(shape)

    def array(self, shape: Shape) -> Array:
        """The first numbers as an array, which stays live."""
        tensor = self.tensor
        if self._array is None:
            self._array = tensor.numpy()
        size = count(shape)
        whole = self._array if size == self._array.size else self._array[:size]
        return cast("Array", whole.reshape(shape))

    def zero(self) -> None:
        """Make all numbers zeros."""
        if self._tensor is not None or self.value:
            self.tensor.zero_()

    def is_held(self) -> bool:
        """Whether an array, or a view of one, is still somewhere."""
        return self._array is not None and sys.getrefcount(self._array) > _OWN

    def resize(self, size: int) -> None:
        """Have room for so many numbers; new memory, where they are more than ever before."""
        if size > self.size:
            self.size, self._tensor, self._array = size, None, None

    def put(self, values: Tensor, foreign: Collection[int] = ()) -> bool:
        """Take a result; whether it became the memory itself.

        ``foreign`` are the storages, by their addresses, that others go on using.
        """
        self.late = None
        size = values.numel()
        whole = values.dtype == torch.float32 and values.is_contiguous()
        fresh = whole and values.untyped_storage().data_ptr() not in foreign
        if fresh and size == self.size and not self.is_held():
            self._tensor, self._array = values.detach().view(-1), None
            return True
        self.resize(size)
        # .data has a version of its own: what a gradient will read may be overwritten, as in Caffe.
        self.view(tuple(values.shape)).data.copy_(values.detach())
        return False


class ParameterMemory(LiveMemory):
    """LiveMemory that a module's parameter, or its gradient, looks at: nothing takes its place."""

    is_given = False  # whether a script has had an array, through which it may write

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor.numel())
        self._tensor = tensor.view(-1)

    def array(self, shape: Shape) -> Array:
        self.is_given = True
        return super().array(shape)

    def is_held(self) -> bool:
        return True

    def resize(self, size: int) -> None:
        """A parameter's size is its layer's."""
        assert size <= self.size, f"{size} numbers for a parameter of {self.size}"


def storage(tensor: Tensor) -> int:
    """The address of the memory that a tensor looks at."""
    return tensor.untyped_storage().data_ptr()
