"""What a pass has computed so far, beside the memory of the blobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torch import Tensor

from protonet.pycaffe.blob import Blob
from protonet.pycaffe.memory import LiveMemory


class Flow:
    """The newest tensor of each memory that this pass has written.

    Where arrays are held, a blob's memory is a copy of what was computed; the layers behind go on
    with the tensor itself, since a layer in place overwrites the memory that gradients still need.
    """

    def __init__(self) -> None:
        self._newest: dict[LiveMemory, Tensor] = {}

    def tensor(self, blob: Blob) -> Tensor:
        """The numbers of a blob."""
        newest = self._newest.get(blob.memory)
        if newest is None or newest.numel() != blob.count:
            return blob.tensor
        return newest if newest.shape == blob.shape else newest.reshape(blob.shape)

    def put(self, blob: Blob, values: Tensor, foreign: set[int], *, keep: bool) -> None:
        """Give a blob what a layer computed, and its shape. ``foreign`` as ``LiveMemory.put``.

        ``keep`` says that gradients may need the tensor itself.
        """
        blob.to_shape(tuple(values.shape))
        blob.memory.put(values, foreign)
        if keep:
            self._newest[blob.memory] = values.detach()
        else:
            self._newest.pop(blob.memory, None)

    def gradient(self, blob: Blob) -> Tensor:
        """The gradient of a blob."""
        newest = self._newest.get(blob.gradient_memory)
        if newest is None or newest.numel() != blob.count:
            return blob.gradient
        return newest if newest.shape == blob.shape else newest.reshape(blob.shape)

    def put_gradient(self, blob: Blob, values: Tensor, foreign: Collection[int] = ()) -> None:
        """Give a blob the gradient that a layer computed. ``foreign`` as ``LiveMemory.put``."""
        blob.gradient_memory.put(values, foreign)
        self._newest[blob.gradient_memory] = values.detach()

    def forget(self, blobs: Iterable[Blob]) -> None:
        """Read these from their memory, which something else may have written to."""
        for blob in blobs:
            self._newest.pop(blob.memory, None)
            self._newest.pop(blob.gradient_memory, None)

    def clear(self) -> None:
        """Read everything from its memory."""
        self._newest.clear()
