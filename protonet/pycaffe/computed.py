"""A layer that torch computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from protonet.diagnostics import NetError
from protonet.graph import Node, Value
from protonet.pycaffe.blob import Blob
from protonet.pycaffe.flow import Flow
from protonet.pycaffe.learned import Learned
from protonet.pycaffe.memory import storage
from protonet.pycaffe.runner import Runner
from protonet.pycaffe.wiring import WiringStep
from protonet.runtime.failure import first_line
from protonet.runtime.fit import Fitted, Fitter, inferred
from protonet.runtime.net import kept_state


@dataclass
class Tape:
    """A forward pass that can be gone back: what the layer was given, and what it gave."""

    given: list[Tensor]
    found: list[Tensor]


class ComputedRunner(Runner):
    """A layer as a function of torch's, whose gradients autograd knows.

    Where a bottom was changed after the forward pass, and the gradient depends on it in Caffe, the
    layer is gone through anew.
    """

    def __init__(
        self,
        step: WiringStep,
        bottoms: Sequence[Blob],
        tops: Sequence[Blob],
        fitter: Fitter,
        learned: Sequence[Learned],
    ) -> None:
        super().__init__(step, bottoms, tops)
        assert step.node is not None
        self.node: Node = step.node
        self.fitter = fitter
        self.learned = learned
        self.tape: Tape | None = None
        self.stable = [True] * len(self.bottoms)  # whether a bottom is what it was when it was read
        self.final = [True] * len(self.tops)  # whether a top is what it was when it was written
        self._places = _places(self.node.inputs)
        self._outputs = list({value.blob: i for i, value in enumerate(self.node.outputs)}.values())

    def reshape(self) -> None:
        shapes = tuple(blob.shape for blob in self.bottoms)
        for blob, shape in zip(self.tops, inferred(self.node, shapes), strict=True):
            blob.to_shape(shape)

    def forward(self, flow: Flow) -> None:
        fitted = self.fitted()
        given = [flow.tensor(self.bottoms[place]) for place in self._places]
        given = self._parted(given)
        self.tape = self._run(fitted, given)
        foreign = self._foreign(fitted, given)
        for index, values in zip(self._outputs, self.tape.found, strict=True):
            flow.put(self.tops[index], values, foreign, keep=self.step.needs_backward)
            foreign.add(storage(values))
        if not self.step.needs_backward:
            self.tape = None

    def fitted(self) -> Fitted:
        """The layer for the shapes that its bottoms have now."""
        return self.fitter.fit(self.node, tuple(blob.shape for blob in self.bottoms))

    def _run(self, fitted: Fitted, given: list[Tensor]) -> Tape:
        """The tops, with what it takes to go back where the layer needs that."""
        with torch.set_grad_enabled(self.step.needs_backward):
            leaves = [x.detach() for x in given]
            for place, leaf in zip(self._places, leaves, strict=True):
                leaf.requires_grad_(self.step.needs_backward and self.step.down[place])
            try:
                found = fitted.function(fitted.module, *leaves)
            except (RuntimeError, ValueError, IndexError) as error:
                raise self._refused(given, error) from error
        return Tape(leaves, list(found))

    def _refused(self, given: Sequence[Tensor], error: Exception) -> NetError:
        sizes = ", ".join("x".join(map(str, x.shape)) for x in given)
        what = f"layer {self.node.name!r} ({self.node.type}) can't take its bottoms ({sizes})"
        hint = "labels count from 0 and must be below the number of classes"
        several = hint if len(given) > 1 else None
        return NetError(f"{what}: {first_line(error)}", self.node.span, several)

    def _parted(self, given: list[Tensor]) -> list[Tensor]:
        """What the layer reads, as copies where it overwrites arrays that a script holds."""
        if not self.step.needs_backward:
            return given
        over = {blob.memory for blob in self.tops}
        parted = []
        for place, x in zip(self._places, given, strict=True):
            memory = self.bottoms[place].memory
            own = memory in over and memory.is_held() and storage(x) == storage(memory.tensor)
            parted.append(x.clone() if own else x)
        return parted

    def _foreign(self, fitted: Fitted, given: Sequence[Tensor]) -> set[int]:
        """The memory that results may look at and others use: the bottoms, what the layer keeps."""
        found = {storage(x) for x in given}
        found.update(storage(x) for x in fitted.tensors)
        if fitted.has_buffers and fitted.own is not None:
            found.update(storage(x) for x in fitted.own.buffers())
        return found

    def backward(self, flow: Flow, *, trusted: bool = False) -> None:
        if self.tape is None or (not trusted and self._is_stale(self.tape)):
            self.tape, trusted = self._anew(), False
        if not trusted:
            self._take_tops(self.tape)
        try:
            self._go_back(self.tape, flow)
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            self.tape = self._anew()  # an update came between
            self._go_back(self.tape, flow)

    def _take_tops(self, tape: Tape) -> None:
        """Have gradients that are told from the tops see what a script has written into them."""
        reads = "tops" in self.node.layer.reads_backward()
        read = {blob.memory for blob in self.bottoms}
        for index, values in zip(self._outputs, tape.found, strict=True):
            blob = self.tops[index]
            seen = self.final[index] and (reads or blob.memory in read)
            if (
                seen
                and blob.shape == tuple(values.shape)
                and storage(values) != storage(blob.tensor)
            ):
                values.data.copy_(blob.tensor)

    def _go_back(self, tape: Tape, flow: Flow) -> None:
        ends, gradients = self._ends(tape, flow)
        leaves = [x for x in tape.given if x.requires_grad]
        learned = [(one, one.tensor) for one in self.learned if one.tensor.requires_grad]
        sources = [*leaves, *(tensor for _, tensor in learned)]
        if not ends or not sources:
            return
        found = torch.autograd.grad(ends, sources, gradients, retain_graph=True, allow_unused=True)
        own = iter(found)
        self._hand_down(flow, [next(own) if x.requires_grad else None for x in tape.given])
        for (one, _), gradient in zip(learned, own, strict=True):
            if gradient is not None:
                one.gradient.add_(gradient)

    def _ends(self, tape: Tape, flow: Flow) -> tuple[list[Tensor], list[Tensor]]:
        """The tops that gradients come from, and those; a loss has them of its first alone."""
        ends, gradients = [], []
        for number, (index, top) in enumerate(zip(self._outputs, tape.found, strict=True)):
            if top.requires_grad and not (self.node.layer.is_loss and number):
                ends.append(top)
                gradient = flow.gradient(self.tops[index])
                gradients.append(gradient.reshape(top.shape).to(top.dtype))
        return ends, gradients

    def _hand_down(self, flow: Flow, gradients: Sequence[Tensor | None]) -> None:
        used = {storage(flow.gradient(blob)) for blob in self.tops}
        used |= {storage(blob.gradient) for blob in self.tops}
        for place, gradient in zip(self._places, gradients, strict=True):
            if gradient is not None:
                flow.put_gradient(self.bottoms[place], gradient, used)
                used.add(storage(gradient))
        for place, blob in enumerate(self.bottoms):  # a bottom that is read twice has it once
            if place not in self._places and self.step.down[place]:
                blob.gradient.zero_()
                flow.forget([blob])

    def _is_stale(self, tape: Tape) -> bool:
        """Whether a bottom that the gradient depends on has other numbers than were given."""
        reads = self.node.layer.reads_backward()
        matters = "Dropout" not in self.node.type and (not reads or "bottoms" in reads)
        for place, x in zip(self._places, tape.given, strict=True):
            blob = self.bottoms[place]
            if tuple(x.shape) != blob.shape:
                return True
            own = matters and self.stable[place] and storage(x) != storage(blob.tensor)
            if own and not torch.equal(x, blob.tensor):
                return True
        return False

    def _anew(self) -> Tape:
        """Go forward over what the bottoms hold now, the tops left as they are."""
        with kept_state(self.fitted().module):
            given = [self.bottoms[place].tensor.clone() for place in self._places]
            return self._run(self.fitted(), given)


def _places(values: Sequence[Value]) -> list[int]:
    """The place of each bottom that is another value than those before it."""
    return [i for i, value in enumerate(values) if value not in values[:i]]
