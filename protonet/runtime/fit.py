"""A layer for bottoms of other shapes than its net was compiled for, on the same parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor, nn

from protonet.diagnostics import NetError
from protonet.graph import Graph, Node, Value
from protonet.layers import REGISTRY, LayerError
from protonet.layers.base import flaw
from protonet.lowering import Lowered
from protonet.lowering.lower import lower
from protonet.lowering.rename import make_room
from protonet.lowering.returns import returns
from protonet.program.source import printer
from protonet.runtime.module import instantiate
from protonet.runtime.net import RunnableNet
from protonet.runtime.place import Place, places
from protonet.runtime.stage import stages
from protonet.schema.pool import message
from protonet.shape import Shape, show

Function = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class Fitted:
    """A layer as a function of a module and its bottoms, and the shapes of its tops.

    ``own`` is the layer's part of the module, None where it has none.
    """

    function: Function
    module: nn.Module
    tops: tuple[Shape, ...]
    own: nn.Module | None

    @cached_property
    def tensors(self) -> list[Tensor]:
        """The parameters of the layer's part; they stay the same tensors."""
        return [] if self.own is None else list(self.own.parameters())

    @cached_property
    def has_buffers(self) -> bool:
        """Whether the layer's part keeps more than parameters: tensors that a pass may replace."""
        return self.own is not None and any(True for _ in self.own.buffers())


@dataclass
class Fitter:
    """The layers of a net for whatever shapes come, each kept as long as the net is.

    Most layers are spelled alike for all shapes and stay the functions that they are.
    """

    net: RunnableNet
    _known: dict[tuple[Node, tuple[Shape, ...]], Fitted] = field(default_factory=dict)
    _spelled: dict[tuple[Node, str], Fitted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = _parts(self.net.lowered)
        for stage in self.net.stages:
            shapes = tuple(value.shape for value in stage.node.inputs)
            tops = tuple(value.shape for value in stage.node.outputs)
            own = _part(parts, stage.node, self.net.module)
            self._known[stage.node, shapes] = Fitted(stage.function, self.net.module, tops, own)

    def forget(self) -> None:
        """Make layers anew, where the net holds other parameters now."""
        self._known.clear()
        self._spelled.clear()
        self.__post_init__()

    def fit(self, node: Node, shapes: tuple[Shape, ...]) -> Fitted:
        """A layer for bottoms of these shapes.

        NetError, with the layer's place, where it can't take them, or where its parameters would
        have other shapes.
        """
        found = self._known.get((node, shapes))
        if found is None:
            tops = inferred(node, shapes)
            found = self._fitted(node, shapes, tops)
            self._known[node, shapes] = found
        return found

    def _fitted(self, node: Node, shapes: tuple[Shape, ...], tops: tuple[Shape, ...]) -> Fitted:
        first = tuple(value.shape for value in node.inputs)
        if not any(owner is node for owner, _ in self._spelled):
            own = self._known[node, first]
            inferred(node, first)  # what a layer finds out there, lowering reads
            self._spelled[node, _spelling(self._alone(node, first, own.tops))] = own
            inferred(node, shapes)
        alone = self._alone(node, shapes, tops)
        key = node, _spelling(alone)
        if key not in self._spelled:
            self._spelled[key] = self._made(node, alone, tops)
        spelled = self._spelled[key]
        return replace(spelled, tops=tops)

    def _alone(self, node: Node, shapes: Sequence[Shape], tops: Sequence[Shape]) -> Lowered:
        """The program of a net of this layer alone."""
        graph = _alone(self.net.graph, node, shapes, tops)
        flat = make_room(lower(graph), graph)
        return Lowered(graph, flat, returns(flat, graph, []))

    def _made(self, node: Node, alone: Lowered, tops: tuple[Shape, ...]) -> Fitted:
        """The layer's module, on the parameters that the net has."""
        module = instantiate(alone).to(self.net.device).train(self.net.module.training)
        owners = [self.net.places.get(param) for param in node.params]
        own: Sequence[Place] = places(alone)[node.name]
        for place, owner in zip(own, owners, strict=True):
            if place.path and owner is not None:
                place.put(module, self._lent(node, place, module, owner))
        (stage,) = stages(alone, module)
        return Fitted(stage.function, module, tops, _part(_parts(alone), stage.node, module))

    def _lent(self, node: Node, place: Place, module: nn.Module, owner: Place) -> Tensor:
        """The net's tensor of a parameter. NetError where another layer has it in another form."""
        held, tensor = place.tensor(module), owner.tensor(self.net.module)
        if held.shape != tensor.shape or place.layout is not owner.layout:
            what = "it can't take bottoms of other shapes, since it shares a parameter that another"
            raise _refused(node, f"{what} layer has in another form", "make the net anew")
        return tensor


def _parts(lowered: Lowered) -> dict[str, str]:
    """The attribute of each layer's part of a module, by the layer's name."""
    return {part.origin[0].name: part.attribute for part in lowered.flat.main.submodules}


def _part(attributes: Mapping[str, str], node: Node, module: nn.Module) -> nn.Module | None:
    name = attributes.get(node.name)
    return None if name is None else module.get_submodule(name)


def _spelling(alone: Lowered) -> str:
    """What a layer's own lines are."""
    pieces = printer(alone.program).class_(alone.program.main)
    return "\n".join(line for piece in pieces for line in piece.lines)


def inferred(node: Node, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """The shapes of a layer's tops for those of its bottoms. NetError where it can't take them."""
    try:
        tops = node.layer.infer(*shapes)
        blobs = node.layer.blobs(shapes)
    except LayerError as error:
        raise _refused(node, error.message, error.hint) from None
    for index, (blob, own) in enumerate(zip(blobs, node.blobs, strict=True)):
        if blob.shape != own.shape:
            given = ", ".join(show(shape) for shape in shapes)
            what = f"for bottoms of {given} its parameter blob {index} would be {show(blob.shape)}"
            raise _refused(node, f"{what}, it is {show(own.shape)}")
    for top, shape in zip(node.outputs, tops, strict=True):
        problem = flaw(shape)
        if problem:
            raise _refused(node, f"the top {top.blob!r} would have {problem}")
    return tops


def _refused(node: Node, what: str, hint: str | None = None) -> NetError:
    return NetError(f"layer {node.name!r} ({node.type}): {what}", node.span, hint)


def _alone(graph: Graph, node: Node, shapes: Sequence[Shape], tops: Sequence[Shape]) -> Graph:
    """A graph of inputs and one layer."""
    layer = message("LayerParameter")
    given = Node("bottoms", "Input", REGISTRY["Input"](layer), None, ())
    made = dict(zip(node.inputs, shapes, strict=True))
    values = {old: Value(old.blob, shape, given, old.uses) for old, shape in made.items()}
    given.outputs = tuple(values.values())
    own = copy.copy(node)
    own.inputs = tuple(values[old] for old in node.inputs)
    pairs = zip(node.outputs, tops, strict=True)
    own.outputs = tuple(Value(old.blob, shape, own, old.uses) for old, shape in pairs)
    for one in (given, own):  # nothing counts in an objective that nobody asks for
        one.loss_weights = (0.0,) * len(one.outputs)
    alone = Graph(graph.name, graph.phase, graph.file, [given, own], list(given.outputs))
    alone.force_backward = graph.force_backward
    alone.blobs = {value.blob: value for value in own.outputs}
    return alone
