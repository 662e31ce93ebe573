"""A net's blobs and layers as Caffe has them, and the passes over them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from protonet.data.memory_feed import MemoryFeed
from protonet.graph import Node, Value
from protonet.pycaffe.blob import Blob
from protonet.pycaffe.computed import ComputedRunner
from protonet.pycaffe.engine import PassEngine
from protonet.pycaffe.flow import Flow
from protonet.pycaffe.learned import Parameters, fill_python_blobs
from protonet.pycaffe.memory import LiveMemory
from protonet.pycaffe.needs import mark_needs
from protonet.pycaffe.opening import Opened
from protonet.pycaffe.others import DataRunner, FileRunner, PythonRunner
from protonet.pycaffe.runner import Runner, SilenceRunner, SplitRunner
from protonet.pycaffe.wiring import BlobWire, WiringStep, wiring
from protonet.runtime.fit import Fitter
from protonet.shape import count
from protonet.training.output_files import WRITING

Callback = Callable[[int], object]
_CONSTANT = "constant"


class LiveNet:
    """The layers of an opened net in their order, each with what runs it."""

    def __init__(self, opened: Opened) -> None:
        self.net = opened.net
        self.python = opened.python
        self.wiring = wiring(self.net.graph)
        mark_needs(self.wiring, self.net.graph)
        self.fitter = Fitter(self.net)
        self.parameters = Parameters(self.net)
        fill_python_blobs(self.python, self.parameters)
        self.batches = Batches(opened)
        self.blobs = _blobs(self.wiring.wires)
        self.files = list(self.net.files)
        self.runners = [self._runner(step) for step in self.wiring.steps]
        _mark_stable(self.runners)
        self.engine = PassEngine(self)
        self.before_forward: list[Callback] = []
        self.after_forward: list[Callback] = []
        self.before_backward: list[Callback] = []
        self.after_backward: list[Callback] = []

    def _runner(self, step: WiringStep) -> Runner:
        bottoms = [self.blobs[wire] for wire in step.bottoms]
        tops = [self.blobs[wire] for wire in step.tops]
        node = step.node
        if node is None:
            return SplitRunner(step, bottoms, tops)
        if node in self.python:
            return PythonRunner(step, bottoms, tops, self.python[node])
        if node.type in WRITING:
            return FileRunner(step, bottoms, self.files.pop(0))
        if node.layer.is_data:
            fixed = _fixed(node, tops)
            return DataRunner(step, tops, self.batches.take, fixed)
        if not node.outputs:
            return SilenceRunner(step, bottoms, tops)
        return ComputedRunner(step, bottoms, tops, self.fitter, self.parameters.of(node))

    def forward(self, start: int, end: int) -> float:
        """Run the layers from one to another, and return their loss. Net::ForwardFromTo."""
        if self.engine.takes(start, end) and self.engine.forward():
            return sum(runner.loss() for runner in self.runners)
        flow, loss = Flow(), 0.0
        with torch.inference_mode(False):  # its tensors could have no gradient
            for index in range(start, end + 1):
                for run in self.before_forward:
                    run(index)
                    flow.clear()
                self.runners[index].forward(flow)
                loss += self.runners[index].loss()
                for run in self.after_forward:
                    run(index)
                    flow.clear()
        return loss

    def results(self) -> dict[str, Tensor]:
        """The outputs by their names."""
        wires = {wire.name: self.blobs[wire] for wire in self.wiring.outputs}
        return {output.blob: wires[output.blob].tensor for output in self.net.outputs}

    def backward(self, start: int, end: int, *, trusted: bool = False) -> None:
        """Run the layers backward from one to an earlier one. Source: Net::BackwardFromTo.

        ``trusted`` says that nobody has written into a blob since the forward pass.
        """
        flow = Flow()
        heard = self.python or self.after_forward or self.before_backward
        trusted = trusted and not heard
        for index in range(start, end - 1, -1):
            for run in self.before_backward:
                run(index)
                flow.clear()
            if self.wiring.steps[index].needs_backward:
                self.runners[index].backward(flow, trusted=trusted)
            for run in self.after_backward:
                run(index)
                flow.clear()

    def reshape(self) -> None:
        """Give all blobs the shapes that follow from those that were set. Source: Net::Reshape."""
        for runner in self.runners:
            runner.reshape()


class Batches:
    """The batches of a net's data layers, for each layer in its own order."""

    def __init__(self, opened: Opened) -> None:
        self.net = opened.net
        self._waiting: dict[str, deque[Mapping[str, Tensor]]] = {
            feed.definition.layer.name: deque() for feed in self.net.feeds
        }

    def take(self, layer: str) -> Mapping[str, Tensor]:
        """The next batch of a layer."""
        if not self._waiting[layer]:
            batch = self.net.next_batch()
            for waiting in self._waiting.values():
                waiting.append(batch)
        return self._waiting[layer].popleft()

    def memory(self, layer: str) -> MemoryFeed | None:
        """The feed of a MemoryData layer, what was read ahead of it forgotten."""
        for feed in self.net.feeds:
            if feed.definition.layer.name == layer and isinstance(feed, MemoryFeed):
                self.net.forget_batches()
                for waiting in self._waiting.values():
                    waiting.clear()
                return feed
        return None


def _blobs(wires: Sequence[BlobWire]) -> dict[BlobWire, Blob]:
    """A blob for each wire; memory is common where it is in Caffe."""
    data: dict[Value, LiveMemory] = {}
    diffs: dict[BlobWire, LiveMemory] = {}
    blobs: dict[BlobWire, Blob] = {}
    for wire in wires:
        size = count(wire.shape)
        memory = data.setdefault(wire.root, LiveMemory(size))
        diff = diffs.setdefault(wire.gradient or wire, LiveMemory(size, wire.weight))
        blobs[wire] = Blob(wire.shape, memory, diff, wire.name)
    return blobs


def _fixed(node: Node, tops: Sequence[Blob]) -> list[bool]:
    """Which tops of a data layer no batch fills: a script fills an Input's, constants are here.

    Source: DummyDataLayer::LayerSetUp.
    """
    if node.type != "DummyData":
        return [node.type == "Input"] * len(tops)
    fillers: list[Any] = list(node.layer.message.dummy_data_param.data_filler) or [None]
    fillers = fillers if len(fillers) == len(tops) else fillers * len(tops)
    fixed = [filler is None or filler.type == _CONSTANT for filler in fillers]
    for blob, filler, is_fixed in zip(tops, fillers, fixed, strict=True):
        if is_fixed and filler is not None:
            blob.tensor.fill_(filler.value)
    return fixed


def _mark_stable(runners: Sequence[Runner]) -> None:
    """Tell each layer which of its bottoms, and which of its tops, keep their numbers after it."""
    written: set[LiveMemory] = set()
    for runner in reversed(runners):
        copies = isinstance(runner, SplitRunner) or (
            runner.step.node is not None and runner.step.node.layer.is_shared()
        )
        if isinstance(runner, ComputedRunner):
            runner.final = [blob.memory not in written for blob in runner.tops]
        written |= {blob.memory for blob in runner.tops if not copies}
        if isinstance(runner, ComputedRunner):
            runner.stable = [blob.memory not in written for blob in runner.bottoms]
