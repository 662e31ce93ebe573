"""What is to be exported: a definition or a compiled net, as a graph, a program and a module."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from protonet.api import graph_of, lowered, read
from protonet.diagnostics import NetError
from protonet.exporting.batches import batch_axes, images, with_images
from protonet.exporting.options import AXES, DYNAMIC, ExportOptions
from protonet.graph import Graph
from protonet.lowering import Lowered
from protonet.runtime.module import instantiate
from protonet.runtime.net import RunnableNet
from protonet.runtime.place import owned, places, places_of
from protonet.schema.load import Readable
from protonet.schema.pool import message_class
from protonet.selection import Selection

_ANY = 5  # images in a batch of any size, while it is traced: one would be taken for all


@dataclass(frozen=True)
class Exported:
    """A net that is exported: its program, and the module with its weights.

    ``source`` and ``selection`` are what it was made of; ``origin`` says so in words, and
    ``digest`` is that of the definition.
    """

    source: Readable
    selection: Selection
    lowered: Lowered
    module: nn.Module
    origin: str
    digest: str

    @property
    def graph(self) -> Graph:
        """The net as a graph."""
        return self.lowered.graph

    def outputs(self) -> tuple[str, ...]:
        """The blobs to be given out: those asked for, else those that no layer reads."""
        if self.selection.outputs is not None:
            return tuple(dict.fromkeys(self.selection.outputs))
        ends = [v for v in self.graph.outputs if not v.producer.layer.is_data]
        if not ends:
            raise NetError("the net gives no blob out", None, "--outputs names some")
        return tuple(value.blob for value in ends)

    def resized(self, shapes: Mapping[str, tuple[int, ...]]) -> nn.Module:
        """A module of the net for inputs of other shapes, with the same weights.

        NetError where the definition can't take them.
        """
        return refitted(self, shapes).module


def from_definition(
    source: Readable,
    selection: Selection,
    options: ExportOptions,
    load: Callable[[nn.Module, Selection], object] | None = None,
) -> Exported:
    """A definition in the shapes to export; ``load`` fills its module with weights.

    NetError with its place.
    """
    loaded = read(source)
    selection = fitted(graph_of(loaded, selection), selection, options)
    made = lowered(loaded, selection)
    net = instantiate(made)
    if load is not None:
        load(net, selection)
    text = loaded.source.text if loaded.source else str(loaded.message)
    name = os.path.basename(loaded.source.name) if loaded.source else "a message"
    return Exported(loaded, selection, made, net.float(), name, _digest(text))


def refitted(exported: Exported, shapes: Mapping[str, tuple[int, ...]]) -> Exported:
    """The net for inputs of other shapes, with the same weights. NetError where it takes none."""
    own = exported.selection
    shapes = {**own.shapes, **shapes}
    selection = replace(own, shapes=shapes, outputs=exported.outputs())
    made = lowered(exported.source, selection)
    return replace(exported, selection=selection, lowered=made, module=_sharing(made, exported))


def of_net(net: RunnableNet, outputs: Sequence[str]) -> Exported:
    """A net that is opened, data layers or not, in the shapes that it has."""
    graph = net.graph
    shapes = {value.blob: value.shape for value in graph.inputs}
    selection = Selection.of(graph.phase, shapes=shapes, outputs=outputs)
    return Exported(graph.definition, selection, net.lowered, net.module, graph.name, "")


def from_module(
    net: nn.Module, options: ExportOptions, outputs: tuple[str, ...] | None = None
) -> Exported:
    """A net that protonet compiled, as it is. NetError where it is another module."""
    own = places_of(net)
    message = message_class("NetParameter").FromString(getattr(type(net), "protonet_net", b""))
    phase = "TRAIN" if message.layer and message.layer[0].phase == 0 else "TEST"
    for form in Selection.of(phase, outputs=outputs).forms():
        selection = fitted(graph_of(message, form), form, options)
        made = lowered(message, selection)
        if _alike(own, places(made)):
            text = str(message)
            return Exported(message, selection, made, net, type(net).__name__, _digest(text))
    raise NetError(f"{type(net).__name__} is not as its definition says", None, "compile it anew")


def fitted(graph: Graph, selection: Selection, options: ExportOptions) -> Selection:
    """The selection with the inputs in the batch that is to be exported."""
    axes = batch_axes(graph)
    if not axes or options.batch is None:
        return selection
    batch = max(images(graph), _ANY) if options.batch == DYNAMIC else options.batch
    shapes = {  # every one is stated: those of another length would follow the first
        v.blob: with_images(v.shape, axes[v], int(batch)) if v in axes else v.shape
        for v in graph.inputs
        if v.shape
    }
    return replace(selection, shapes={**selection.shapes, **shapes})


def trial_shapes(
    graph: Graph, options: ExportOptions, batch: int, more: int
) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs as a caller may give them: so many images, so much higher and wider."""
    axes = batch_axes(graph) if options.batch == DYNAMIC else {}
    found = {}
    for value in graph.inputs:
        shape = list(value.shape)
        if value in axes:
            shape[axes[value]] = batch
        if len(shape) == 4:
            for axis in options.dynamic:
                shape[2 + AXES.index(axis)] += more
        found[value.blob] = tuple(shape)
    return found


def verify_free(exported: Exported, options: ExportOptions) -> None:
    """NetError, with the layer's place, where the weights are for one size that is to be free."""
    if not options.dynamic and options.batch != DYNAMIC:
        return
    shapes = trial_shapes(exported.graph, options, 1, 32)
    selection = replace(exported.selection, shapes={**exported.selection.shapes, **shapes})
    other = graph_of(exported.source, replace(selection, outputs=None))
    before = {(p.owner.name, p.index): p.shape for p in exported.graph.params}
    for param in other.params:
        node = param.owner
        if before.get((node.name, param.index), param.shape) != param.shape:
            what = f"layer {node.name!r} ({node.type}) has weights for one size of its bottom"
            free = " and ".join([*options.dynamic, *["batch"] * (options.batch == DYNAMIC)])
            hint = "leave --dynamic out, or end the net before it with --outputs"
            raise NetError(f"{what}, and {free} were to be free", node.span, hint)


def _alike(own: Any, other: Any) -> bool:
    """Whether a module has every blob where a program has it."""
    return {k: tuple(v) for k, v in own.items()} == {k: tuple(v) for k, v in other.items()}


def _sharing(made: Lowered, exported: Exported) -> nn.Module:
    """A module of a program that holds the tensors of another of the same net."""
    with torch.device("meta"):
        net = instantiate(made)
    before = {(p.owner.name, p.index): place for p, place in owned(exported.lowered).items()}
    for param, place in owned(made).items():
        tensor = before[param.owner.name, param.index].tensor(exported.module)
        place.put(net, tensor)
    held = [*net.parameters(), *net.buffers()]
    if any(tensor.is_meta for tensor in held):  # what a layer makes for itself, beside its blobs
        own = instantiate(made)
        own.load_state_dict(
            {k: v for k, v in net.state_dict().items() if not v.is_meta}, strict=False
        )
        net = own
    return net.train(exported.module.training)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
