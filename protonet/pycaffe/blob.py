"""Caffe's Blob: an array of data and one of diff, over live memory."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from torch import Tensor

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.layers.base import flaw
from protonet.pycaffe.memory import LiveMemory, ParameterMemory
from protonet.shape import Shape, count, show


class Blob:
    """Numbers of a shape, ``data``, and their gradient, ``diff``: writing into them is heard.

    Blobs may hold memory in common, as those around Caffe's Flatten do. Source: Blob.
    """

    __slots__ = ("__weakref__", "_data", "_diff", "_shape", "name")

    def __init__(
        self,
        shape: Shape,
        data: LiveMemory | None = None,
        diff: LiveMemory | None = None,
        name: str = "",
    ) -> None:
        self._shape = shape
        self._data = LiveMemory(count(shape)) if data is None else data
        self._diff = LiveMemory(count(shape)) if diff is None else diff
        self.name = name

    def __repr__(self) -> str:
        return f"<Blob {self.name!r} {show(self._shape)}>"

    @property
    def data(self) -> Array:
        """The numbers, as an array over them."""
        return self._data.array(self._shape)

    @data.setter
    def data(self, _values: Any) -> None:
        raise self._refuse("data")

    @property
    def diff(self) -> Array:
        """The gradient, as an array over it."""
        return self._diff.array(self._shape)

    @diff.setter
    def diff(self, _values: Any) -> None:
        raise self._refuse("diff")

    def _refuse(self, what: str) -> AttributeError:
        own = f"{what} of the blob {self.name!r} is memory of the net"
        return AttributeError(f"{own}: write into it, as in blob.{what}[...] = values")

    @property
    def shape(self) -> Shape:
        """The sizes of all axes."""
        return self._shape

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return count(self._shape)

    @property
    def num(self) -> int:
        """The size of the first of four axes. Source: Blob::LegacyShape."""
        return self._axis(0)

    @property
    def channels(self) -> int:
        """The size of the second of four axes."""
        return self._axis(1)

    @property
    def height(self) -> int:
        """The size of the third of four axes."""
        return self._axis(2)

    @property
    def width(self) -> int:
        """The size of the last of four axes."""
        return self._axis(3)

    def _axis(self, index: int) -> int:
        if len(self._shape) > 4:
            what = f"the blob {self.name!r} has {len(self._shape)} axes, {show(self._shape)}"
            raise NetError(f"{what}; num, channels, height and width are of at most 4")
        return self._shape[index] if index < len(self._shape) else 1

    def reshape(self, *shape: int) -> None:
        """Take another shape; the rest of the net follows with the next pass or Net.reshape.

        NetError where it is no shape, or a parameter's has another number of elements.
        """
        try:
            wanted = tuple(operator.index(n) for n in shape)
        except TypeError:
            what = f"the blob {self.name!r} takes whole numbers, as in reshape(1, 3, 227, 227)"
            raise NetError(f"{what}, not {shape!r}") from None
        problem = flaw(wanted)
        if problem:
            raise NetError(f"the blob {self.name!r} would have {problem}")
        fixed = isinstance(self._data, ParameterMemory)
        if fixed and count(wanted) != self.count:
            what = f"{self.name} has {show(self._shape)}, as its layer learns it"
            raise NetError(f"{what}; it can't become {show(wanted)}", None, "make the net anew")
        self.to_shape(wanted)

    def to_shape(self, shape: Shape) -> None:
        """Take a shape that a layer gives it."""
        if shape != self._shape:
            self._shape = shape
            size = count(shape)
            self._data.resize(size)
            self._diff.resize(size)

    def move(self, data: LiveMemory, diff: LiveMemory | None = None) -> None:
        """Have the numbers of another memory, and its gradient. Source: Blob::ShareData."""
        self._data = data
        self._diff = self._diff if diff is None else diff

    @property
    def tensor(self) -> Tensor:
        """The numbers as a tensor over the same memory."""
        return self._data.view(self._shape)

    @property
    def gradient(self) -> Tensor:
        """The gradient as a tensor over the same memory."""
        return self._diff.view(self._shape)

    @property
    def memory(self) -> LiveMemory:
        """Where the numbers are."""
        return self._data

    @property
    def gradient_memory(self) -> LiveMemory:
        """Where the gradient is."""
        return self._diff


class BlobVec(list[Blob]):
    """The parameter blobs of a layer; ``add_blob`` makes a Python layer one more.

    In the layer of a net, ``blobs[0] = other`` has it compute with the other blob's very numbers;
    how many there are is the definition's.
    """

    take: Callable[[int, Blob], None] | None = None

    def add_blob(self, *shape: int) -> None:
        """Append a blob of zeros of a shape."""
        self.append(Blob(tuple(operator.index(n) for n in shape), name=f"blob {len(self)}"))

    def __setitem__(self, index: Any, blob: Any) -> None:
        if self.take is None:
            super().__setitem__(index, blob)
        elif not isinstance(index, int) or not isinstance(blob, Blob):
            own = self[index].name if isinstance(index, int) else "a layer's blob"
            hint = "write numbers into it, as in blobs[0].data[...] = values"
            raise NetError(
                f"{own} is replaced by another blob, not {type(blob).__name__}", None, hint
            )
        else:
            self.take(range(len(self))[index], blob)
