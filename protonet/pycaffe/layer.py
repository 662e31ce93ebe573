"""Layers as a script sees them: those of a net, and the base of a Python layer's class."""

from __future__ import annotations

from collections.abc import Sequence

from protonet.pycaffe.blob import Blob, BlobVec


class Phase(int):
    """TRAIN or TEST, which some Python layers take as a number and some, by str(), as a name."""

    def __str__(self) -> str:
        return "TEST" if self else "TRAIN"


class Layer:
    """What a Python layer's class derives from: setup, reshape, forward, backward are its own.

    ``param_str`` is the definition's, ``phase`` TRAIN or TEST, ``blobs`` what it learns.
    """

    param_str = ""
    type = "Python"
    blobs: BlobVec
    _phase = Phase(0)

    @property
    def phase(self) -> int:
        """TRAIN, 0, or TEST, 1; its str() is the name, as py-faster-rcnn's Caffe has it."""
        return self._phase

    @phase.setter
    def phase(self, number: int) -> None:
        self._phase = Phase(number)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Look at the bottoms once, before the first pass."""
        raise NotImplementedError(f"{type(self).__name__} has no setup")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes, before every pass."""
        raise NotImplementedError(f"{type(self).__name__} has no reshape")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute the tops."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Compute the gradients of the bottoms."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")


class NetLayer(Layer):
    """A layer of a net: its type, and its parameter blobs."""

    def __init__(self, kind: str, blobs: BlobVec) -> None:
        self.type = kind
        self.blobs = blobs

    def __repr__(self) -> str:
        return f"<Layer {self.type}, {len(self.blobs)} blobs>"
