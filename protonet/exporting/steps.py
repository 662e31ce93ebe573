"""A net as an nn.Module that runs its layers one by one and gives out every value.

torch.export notes beside each operation the modules that it was called through, so that with a
module a layer whatever comes out is known by the layer that it is there for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import torch
from torch import SymInt, Tensor, nn
from torch.fx.experimental.symbolic_shapes import is_concrete_int

from protonet.exporting.layers import Site, translation
from protonet.graph import Node, Value
from protonet.lowering import Lowered
from protonet.runtime.stage import Stage, stages

_ROWS = 7  # as many rows as a layer whose tops grow has while it is traced


class Step(nn.Module):
    """One layer: its own statements, or what ONNX says better in their place.

    The net is held in a list, where torch does not see it: its parameters are the whole's.
    """

    def __init__(self, net: nn.Module, stage: Stage, runtime: str | None) -> None:
        super().__init__()
        self.held = [net]
        self.stage = stage
        self.said = translation(stage.node)
        self.runtime = runtime

    @property
    def grows(self) -> bool:
        """Whether the data decide how many rows its tops have, and ONNX is told so."""
        return self.said is not None and self.stage.node.layer.grows is not None

    def forward(self, count: int | SymInt, *bottoms: Tensor) -> tuple[Tensor, ...]:
        (net,) = self.held
        if self.said is None:
            return self.stage.function(net, *bottoms)
        own = partial(self.stage.function, net)
        found = self.said(Site(self.stage.node, net, own, count, self.runtime), *bottoms)
        return found if isinstance(found, tuple) else (found,)


class LayerAtWork:
    """The layer at work, and those that fixed an axis of an input that was to be free.

    torch.export puts a module's own attributes back, but not this one's.
    """

    node: Node | None = None

    def __init__(self) -> None:
        self.fixing: dict[tuple[Value, int], Node] = {}


class Steps(nn.Module):
    """The layers of a net in their order; ``values`` are what its forward pass returns.

    ``values`` have the inputs first, then the tops of every layer, those that a later layer in
    place takes the place of as well. For every layer whose tops grow there is one input more: a
    tensor whose length stands for the number of its rows.
    """

    def __init__(
        self,
        lowered: Lowered,
        net: nn.Module,
        axes: Sequence[Iterable[int]],
        runtime: str | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.lowered = lowered
        self.inputs = list(lowered.graph.inputs)
        self.free = [(v, axis) for v, own in zip(self.inputs, axes, strict=True) for axis in own]
        made = stages(lowered, net)
        self.layers = [Step(net, stage, runtime) for stage in made]
        self.steps = nn.ModuleList(self.layers)
        self.nodes: Sequence[Node] = [stage.node for stage in made]
        self.values: list[Value] = [*self.inputs, *(top for stage in made for top in stage.tops)]
        self.growing = [i for i, step in enumerate(self.layers) if step.grows]
        self.progress = LayerAtWork()

    def forward(self, *inputs: Tensor) -> list[Tensor]:
        found = dict(zip(self.inputs, inputs[: len(self.inputs)], strict=True))
        counts = dict(zip(self.growing, inputs[len(self.inputs) :], strict=True))
        for index, step in enumerate(self.layers):
            stage = step.stage
            self.progress.node = stage.node
            count = counts[index].shape[0] if index in counts else 0
            tops = step(count, *(found[value] for value in stage.bottoms))
            found.update(zip(stage.tops, tops, strict=True))
            for value, axis in self.free:
                if is_concrete_int(found[value].shape[axis]):
                    self.progress.fixing.setdefault((value, axis), stage.node)
        self.progress.node = None
        return [found[value] for value in self.values]

    def samples(self) -> tuple[Tensor, ...]:
        """Inputs of the net's shapes, and of the numbers of rows."""
        shapes = [value.shape for value in self.inputs]
        return tuple(torch.zeros(shape) for shape in (*shapes, *[(_ROWS,)] * len(self.growing)))
