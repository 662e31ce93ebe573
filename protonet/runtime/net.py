"""A net that is run whole or layer by layer, on the same parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from protonet.graph import Graph, Node, Param, Value
from protonet.graph.objective import terms
from protonet.lowering import Lowered
from protonet.runtime.module import instantiate
from protonet.runtime.place import Place, owned
from protonet.runtime.stage import Stage, stages

Values = dict[Value, Tensor]


@dataclass
class RunnableNet:
    """A program, the module that it became, and the module's layers as stages, made once."""

    lowered: Lowered
    module: nn.Module
    device: torch.device

    @property
    def graph(self) -> Graph:
        """The net as a graph."""
        return self.lowered.graph

    @cached_property
    def stages(self) -> list[Stage]:
        """The layers that have tops, in their order."""
        return stages(self.lowered, self.module)

    @cached_property
    def places(self) -> dict[Param, Place]:
        """Where each parameter is."""
        return owned(self.lowered)

    def parameters(self, node: Node) -> dict[str, Tensor]:
        """The tensors of a layer's blobs by their names, those that torch holds."""
        pairs = zip(node.blobs, node.params, strict=True)
        return {b.name: self.places[p].tensor(self.module) for b, p in pairs if p in self.places}

    def inputs(self, batch: Mapping[str, Tensor]) -> Values:
        """The values that the data layers give."""
        return {value: batch[value.blob] for value in self.graph.inputs}

    def objective(self, values: Mapping[Value, Tensor]) -> Tensor:
        """The weighted sum of the losses. Source: Net::ForwardFromTo."""
        total = torch.zeros(())
        for stage in self.stages:
            for term in terms(stage.node):
                loss = values[term.value] if term.trains else values[term.value].detach()
                total = total.to(loss.device) + term.weight * loss.sum()
        return total


def runnable(lowered: Lowered, device: torch.device) -> RunnableNet:
    """The net of a program, on a device."""
    return RunnableNet(lowered, instantiate(lowered).to(device), device)


@contextmanager
def kept_state(module: nn.Module) -> Iterator[None]:
    """Put back, afterwards, what passes change in a module: statistics and recurrent states."""
    before = [(path, buffer, buffer.clone()) for path, buffer in module.named_buffers()]
    try:
        yield
    finally:
        for path, buffer, values in before:
            parent, _, name = path.rpartition(".")
            buffer.copy_(values)
            setattr(module.get_submodule(parent), name, buffer)
