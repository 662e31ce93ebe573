"""What runs one layer of a net over its blobs: what all kinds of layers have in common."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from protonet.pycaffe.blob import Blob
from protonet.pycaffe.flow import Flow
from protonet.pycaffe.wiring import WiringStep


class Runner:
    """One layer with its blobs; ``forward`` writes the tops, ``backward`` the bottoms' diffs."""

    def __init__(self, step: WiringStep, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self.step = step
        self.bottoms = list(bottoms)
        self.tops = list(tops)

    def reshape(self) -> None:
        """Give the tops the shapes that follow from the bottoms'. NetError where none does."""

    def forward(self, flow: Flow) -> None:
        """Compute the tops."""

    def backward(self, flow: Flow, *, trusted: bool = False) -> None:
        """Compute the gradients of the bottoms, and add to those of the parameters.

        ``trusted`` says that nobody has written into a blob since the forward pass.
        """

    def loss(self) -> float:
        """What the tops count in the objective. Source: Layer::Forward."""
        total = 0.0
        for blob, weight in zip(self.tops, self.step.weights, strict=True):
            if weight:
                total += float(torch.dot(blob.tensor.reshape(-1), blob.gradient.reshape(-1)))
        return total


class SplitRunner(Runner):
    """A Split: its tops are its bottom's memory, its gradient is the sum of theirs."""

    def reshape(self) -> None:
        for blob in self.tops:
            blob.to_shape(self.bottoms[0].shape)

    def forward(self, flow: Flow) -> None:
        self.reshape()

    def backward(self, flow: Flow, *, trusted: bool = False) -> None:
        if not self.step.down[0]:
            return
        first, *rest = (flow.gradient(blob) for blob in self.tops)
        total = first.clone()
        for gradient in rest:
            total += gradient
        flow.put_gradient(self.bottoms[0], total)


class SilenceRunner(Runner):
    """A layer without tops: nothing goes forward, and zeros go back. Source: SilenceLayer."""

    def backward(self, flow: Flow, *, trusted: bool = False) -> None:
        for blob, down in zip(self.bottoms, self.step.down, strict=True):
            if down:
                blob.gradient.zero_()
        flow.forget(self.bottoms)
