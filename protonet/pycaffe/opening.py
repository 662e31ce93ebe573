"""From a definition to a net that runs: its graph, its module, its data, its Python layers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from protonet import api
from protonet.data import Feed, open_feeds
from protonet.diagnostics import NetError, raise_all
from protonet.graph import Graph, Node
from protonet.layers import REGISTRY
from protonet.layers.python import PythonLayer, prefer_own
from protonet.lowering import lowered
from protonet.pycaffe import control
from protonet.pycaffe.python_blobs import held
from protonet.runtime.net import runnable
from protonet.schema.load import Loaded
from protonet.schema.select import select
from protonet.selection import Selection
from protonet.training.memory import keep_memory
from protonet.training.nets import Net as RunningNet
from protonet.training.nets import lay_out, outputs_of
from protonet.training.output_files import output_file, writing_nodes
from protonet.training.plan import NetPlan

PHASES = ("TRAIN", "TEST")


@dataclass
class Opened:
    """A net that runs, and the objects of its Python layers by their nodes."""

    net: RunningNet
    python: Mapping[Node, Any]


def open_net(plan: NetPlan, seed: int | None = None) -> Opened:
    """Open the data of a net, with that seed, and compile it for the shapes that the data has.

    What a user's own class raises comes as it is.
    """
    keep_memory()
    selected = select(plan.loaded, plan.phase)
    raise_all(selected.errors)
    _prefer_own_classes(selected)
    seed = control.next_seed() if seed is None else seed
    feeds = open_feeds(selected, plan.phase, seed=seed)
    try:
        with _own_errors():
            return _compiled(plan, selected, feeds)
    except BaseException:
        for feed in feeds:
            feed.close()
        raise


def _compiled(plan: NetPlan, selected: Loaded, feeds: Sequence[Feed]) -> Opened:
    shapes = {top: shape for feed in feeds for top, shape in feed.shapes.items()}
    selection = Selection.of(plan.phase, shapes=shapes, allow_python=True)
    graph = api.graph_of(plan.loaded, selection)
    python = _take_python(graph)
    made = runnable(lowered(graph, [], faithful=True, title=plan.title), torch.device("cpu"))
    _fill_by_default(made.lowered.graph, made)
    made.module.train(plan.phase == "TRAIN")
    lay_out(made.module, made.device)
    net = RunningNet(
        lowered=made.lowered,
        module=made.module,
        plan=plan,
        message=selected.message,
        feeds=list(feeds),
        outputs=outputs_of(graph),
        device=made.device,
        files=[],
    )
    net.files.extend(output_file(node) for node in writing_nodes(graph))
    return Opened(net, python)


def _prefer_own_classes(selected: Loaded) -> None:
    """Run the user's own class of a Python layer, where it can be imported, not ours of its name.

    Source: GetPythonLayer.
    """
    for layer in selected.message.layer:
        name = f"{layer.python_param.module}.{layer.python_param.layer}"
        if layer.type == "Python" and name in REGISTRY:
            try:
                importlib.import_module(layer.python_param.module)
            except ImportError as error:
                control.say(f"layer {layer.name!r}: protonet's own {name} runs, since {error}")
                prefer_own(name, own=False)
            else:
                prefer_own(name, own=True)


def _take_python(graph: Graph) -> dict[Node, Any]:
    """The objects of the Python layers; the module that the net becomes holds their blobs alone."""
    found: dict[Node, Any] = {}
    for node in graph.nodes:
        layer = node.layer
        if isinstance(layer, PythonLayer) and layer.made is not None:
            found[node] = layer.made
            node.layer = held(layer)
    return found


def _fill_by_default(graph: Graph, made: Any) -> None:
    """Zeros where a definition states no filler, as Caffe fills, also in a net to be tested."""
    if graph.phase == "TRAIN":
        return
    with torch.no_grad():
        for param, place in made.places.items():
            filler = param.blob.filler
            if filler is not None and not filler.ListFields():
                place.tensor(made.module).zero_()


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise what a user's own class raised, where building the net failed by it."""
    try:
        yield
    except NetError as error:
        for cause in _causes(error):
            raise cause from None
        raise


def _causes(error: NetError) -> Iterator[BaseException]:
    """The exceptions of a user's own class behind an error."""
    for one in error.all:
        if one.__cause__ is not None:
            yield one.__cause__
