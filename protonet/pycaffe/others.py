"""Layers that torch does not compute: data, a file's writer, Python layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from protonet.pycaffe.blob import Blob
from protonet.pycaffe.flow import Flow
from protonet.pycaffe.runner import Runner
from protonet.pycaffe.wiring import WiringStep
from protonet.training.output_files import OutputFile

ReadBatch = Callable[[str], Mapping[str, Tensor]]


class DataRunner(Runner):
    """A data layer: each pass takes its next batch, but for tops that are ``fixed``.

    Those are filled otherwise: an Input's by a script, DummyData's of constants once.
    """

    def __init__(
        self, step: WiringStep, tops: Sequence[Blob], read: ReadBatch, fixed: Sequence[bool]
    ) -> None:
        super().__init__(step, (), tops)
        self.read = read
        self.fixed = list(fixed)

    def forward(self, flow: Flow) -> None:
        if all(self.fixed):
            return
        batch = self.read(self.step.name)
        for blob, wire, fixed in zip(self.tops, self.step.tops, self.fixed, strict=True):
            if not fixed:
                values = batch[wire.name]
                blob.to_shape(tuple(values.shape))
                blob.memory.put(values)
        flow.forget(self.tops)


class FileRunner(Runner):
    """A layer that writes, as HDF5Output: each pass adds its bottoms to the file or the files."""

    def __init__(self, step: WiringStep, bottoms: Sequence[Blob], file: OutputFile) -> None:
        super().__init__(step, bottoms, ())
        self.file = file

    def forward(self, flow: Flow) -> None:
        names = self.file.blobs
        self.file.add({n: flow.tensor(b) for n, b in zip(names, self.bottoms, strict=True)})


class PythonRunner(Runner):
    """A Python layer: its own object computes, on the blobs themselves. Source: PythonLayer."""

    def __init__(
        self, step: WiringStep, bottoms: Sequence[Blob], tops: Sequence[Blob], layer: Any
    ) -> None:
        super().__init__(step, bottoms, tops)
        self.layer = layer

    def reshape(self) -> None:
        self.layer.reshape(self.bottoms, self.tops)

    def forward(self, flow: Flow) -> None:
        self.layer.reshape(self.bottoms, self.tops)
        self.layer.forward(self.bottoms, self.tops)
        flow.forget(self.tops)
        flow.forget(self.bottoms)

    def backward(self, flow: Flow, *, trusted: bool = False) -> None:
        self.layer.backward(self.tops, list(self.step.down), self.bottoms)
        flow.forget(self.tops)
        flow.forget(self.bottoms)
