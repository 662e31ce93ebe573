"""Whole forward passes by onnxruntime, for nets that only answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from protonet.diagnostics import NetError
from protonet.graph import Node, Value
from protonet.pycaffe import control
from protonet.pycaffe.computed import ComputedRunner
from protonet.pycaffe.flow import Flow
from protonet.pycaffe.memory import LiveMemory
from protonet.pycaffe.others import DataRunner
from protonet.pycaffe.runner import Runner, SilenceRunner, SplitRunner
from protonet.runtime.net import kept_state
from protonet.runtime.stage import stages
from protonet.shape import Shape

if TYPE_CHECKING:
    from protonet.exporting.session import OnnxSession
    from protonet.exporting.source import Exported
    from protonet.pycaffe.live import LiveNet

_MOST_CHANGES = 3  # of weights, after which a net is no longer said in ONNX anew
_PLAIN = (ComputedRunner, DataRunner, SplitRunner, SilenceRunner)
_Inputs = Mapping[str, Tensor]


class PassEngine:
    """onnxruntime in the place of a net's layers, where ``control.set_engine`` asks for it.

    A pass gives the outputs, and the blobs that were read before or whose arrays are held; what
    else is read afterwards the layers compute then, from the inputs as they were. The net is said
    in ONNX anew where shapes or weights have changed.
    """

    def __init__(self, live: LiveNet) -> None:
        self.live = live
        self.why_not = ""
        graph = live.net.graph
        self._last = {m: v for m, v in _last_values(live.runners) if graph.blobs[v.blob] is v}
        roots = {wire.root: live.blobs[wire] for wire in reversed(live.wiring.wires)}
        self._inputs = {value.blob: roots[value] for value in graph.inputs}
        self._read: set[LiveMemory] = set()
        self._state: tuple[object, ...] = ()
        self._weights: dict[LiveMemory, Tensor] = {}
        self._changes = 0
        self._session: OnnxSession | None = None
        self._exported: Exported | None = None

    def takes(self, start: int, end: int) -> bool:
        """Whether the layers from one to another are to be run by onnxruntime."""
        live = self.live
        whole = start == 0 and end == len(live.runners) - 1
        if control.engine() == "torch" or self.why_not or not whole:
            return False
        if live.before_forward or live.after_forward:
            return False
        other = next((r for r in live.runners if not isinstance(r, _PLAIN)), None)
        if other is not None:
            self.stop(f"layer {other.step.name!r} ({other.step.type}) runs here alone")
        elif any(runner.step.needs_backward for runner in live.runners):
            self.stop("the net can go backward, which takes its layers")
        return not self.why_not

    def stop(self, why: str) -> None:
        """Leave this net to PyTorch from now on."""
        self.why_not = why
        control.say(f"engine: torch; {why}")

    def forget(self) -> None:
        """Take it that the weights are others now."""
        self._session = None

    def forward(self) -> bool:
        """Run the net; whether it was run: not where PyTorch is to take it."""
        for runner in self.live.runners:
            if isinstance(runner, DataRunner):
                runner.forward(Flow())
        self.live.reshape()
        inputs = {name: blob.tensor for name, blob in self._inputs.items()}
        session = self._fitting(inputs)
        if session is None:
            return False
        found = session(*inputs.values())
        late = partial(self._fill, {name: x.clone() for name, x in inputs.items()})
        for memory, value in self._last.items():
            if value.blob in found:
                memory.put(found[value.blob])
            else:
                memory.late = late
        return True

    def _fitting(self, inputs: _Inputs) -> OnnxSession | None:
        """A session for the shapes, blobs and weights of now; None where there can be none."""
        shapes = {name: tuple(x.shape) for name, x in inputs.items()}
        state = (shapes, wanted := self._wanted())
        changed = self._changed()
        if self._session is not None and not changed and state == self._state:
            return self._session
        self._changes += changed
        if self._changes > _MOST_CHANGES:
            self.stop("its weights change from pass to pass")
            return None
        try:
            self._exported = self._fitted(shapes, wanted)
            if self._computed(self._exported, inputs)[1]:
                self.stop("a pass changes what its layers hold")
                return None
            self._session, self._state = self._opened(self._exported), state
        except NetError as error:
            if control.engine() == "onnxruntime":
                raise
            self.stop(error.message)
        return self._session

    def _wanted(self) -> tuple[str, ...]:
        """The outputs, what counts in the objective, and blobs that are or were looked at."""
        blobs = [self.live.blobs[wire] for wire in self.live.wiring.outputs]
        for runner in self.live.runners:
            pairs = zip(runner.tops, runner.step.weights, strict=True)
            blobs += [blob for blob, weight in pairs if weight]
        ends = {blob.memory for blob in blobs}
        held = (m for m in self._last if m in ends or m in self._read or m.is_held())
        return tuple(self._last[memory].blob for memory in held)

    def _fitted(self, shapes: dict[str, Shape], blobs: Sequence[str]) -> Exported:
        from protonet.exporting.source import of_net, refitted

        exported = of_net(self.live.net, blobs)
        own = {value.blob: value.shape for value in self.live.net.graph.inputs}
        return exported if shapes == own else refitted(exported, shapes)

    def _opened(self, exported: Exported) -> OnnxSession:
        from protonet.exporting.session import open_session, runtime

        session = open_session(exported)
        if not self._state:
            control.say(f"engine: {runtime()}, equal by {session.difference:.1e}")
        return session

    def _changed(self) -> bool:
        """Whether parameters whose arrays a script has had are others than at the last pass."""
        given = [one.data for one in self.live.parameters.all if one.data.is_given]
        known = self._weights
        changed = any(m not in known or not torch.equal(m.tensor, known[m]) for m in given)
        if changed:
            self._weights = {memory: memory.tensor.clone() for memory in given}
        return changed

    def _computed(self, exported: Exported, inputs: _Inputs) -> tuple[dict[Value, Tensor], bool]:
        """All values, layer by layer, and whether the pass changed what the layers hold."""
        module = exported.module
        values = {value: inputs[value.blob] for value in exported.graph.inputs}
        with torch.no_grad(), kept_state(module):
            before = [buffer.clone() for buffer in module.buffers()]
            for stage in stages(exported.lowered, module):
                values |= stage.run(module, values)
            pairs = zip(before, module.buffers(), strict=True)
            return values, not all(torch.equal(was, now) for was, now in pairs)

    def _fill(self, inputs: _Inputs, asked: LiveMemory) -> None:
        """Compute, layer by layer, all blobs that are late, one of which was asked for."""
        self._read.add(asked)
        assert self._exported is not None
        values, _ = self._computed(self._exported, inputs)
        nodes = self.live.net.graph.nodes, self._exported.graph.nodes
        others = dict(zip(*map(_tops, nodes), strict=True))
        for memory, value in self._last.items():
            if memory is asked or memory.late is not None:
                memory.put(values[others[value]].clone())


def _tops(nodes: Sequence[Node]) -> Iterator[Value]:
    return (value for node in nodes for value in node.outputs)


def _last_values(runners: Sequence[Runner]) -> Iterator[tuple[LiveMemory, Value]]:
    """What is in each memory after a pass, but for data; later ones take the place of earlier."""
    for runner in runners:
        if isinstance(runner, ComputedRunner):
            for value, blob in zip(runner.node.outputs, runner.tops, strict=True):
                yield blob.memory, value
