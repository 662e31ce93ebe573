"""The nets of a solver as modules with their data, and the weights that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from protonet import api
from protonet.arrays import Array
from protonet.data import READ, Feed, open_feeds
from protonet.data.feed import feed_of, source_hint
from protonet.data.position import Position
from protonet.data.prefetch import prefetched
from protonet.diagnostics import NetError, raise_all
from protonet.graph import Graph, Param
from protonet.layers.python import layer_class
from protonet.lowering import lowered
from protonet.passes import fuse_batch_norm
from protonet.runtime.failure import failing_layer, first_line
from protonet.runtime.net import RunnableNet, runnable
from protonet.runtime.place import Place
from protonet.schema.load import Loaded
from protonet.schema.select import select
from protonet.selection import Selection
from protonet.training.carried import Start, carried, carry_on, started
from protonet.training.gpu import is_gpus_own
from protonet.training.moved import Moved
from protonet.training.output_files import WATCHING, OutputFile, output_file, writing_nodes
from protonet.training.plan import NetPlan

Runs = Callable[..., dict[str, Tensor]]  # takes the inputs in their order


@dataclass(frozen=True)
class Weight:
    """One parameter blob of a net: Caffe's view of it and torch's.

    ``moving`` is the layer's blob of zeros where no solver moves the numbers, where there is one.
    """

    param: Param
    tensor: Tensor
    place: Place
    moving: Tensor | None = None

    def to_caffe(self, values: Tensor) -> Array:
        """A tensor of this weight's form as Caffe lays it out."""
        return self.place.to_caffe(values)

    def from_caffe(self, values: Array) -> Tensor:
        """The inverse: an array of Caffe's shape as a tensor of this weight's form."""
        return self.place.from_caffe(np.ascontiguousarray(values), tuple(self.tensor.shape))


@dataclass(frozen=True)
class Output:
    """A blob that the net gives out, and its weight in the loss."""

    blob: str
    weight: float


@dataclass(kw_only=True)
class Net(RunnableNet):
    """A net with its data, and the outputs in Caffe's order."""

    plan: NetPlan
    message: Any
    feeds: list[Feed]
    outputs: list[Output]
    precision: str = "fp32"
    files: list[OutputFile] = field(default_factory=list)
    batches: Any = None
    compiled: Runs | None = field(default=None, repr=False)
    moved: Any = field(default=None, repr=False)
    start: Start = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.start = started(self.module)

    @property
    def batch_size(self) -> int:
        """How many items one forward pass takes; 1 where there is no data layer."""
        shapes = [value.shape for value in self.graph.inputs if value.shape]
        return shapes[0][0] if shapes else 1

    def next_batch(self) -> dict[str, Tensor]:
        """The next batch of every data layer, on the net's device."""
        if not self.feeds:
            return {}
        if self.batches is None:
            on_gpu = self.device.type == "cuda"
            self.batches = prefetched(self.feeds, pin=on_gpu)
            self.moved = Moved(self.batches, self.device) if on_gpu else self.batches
        batch: dict[str, Tensor] = next(self.moved)
        return batch

    def forget_batches(self) -> None:
        """Go on with what the feeds give now, not with what was read ahead."""
        if self.batches is not None:
            self.batches.stop()
            self.batches = None

    def forward(
        self, batch: Mapping[str, Tensor], through: Runs | None = None
    ) -> dict[str, Tensor]:
        """The outputs, and "objective" of a training net. NetError of a layer that fails.

        ``through`` runs the net in the place of its module.
        """
        bf16 = self.precision == "bf16"
        own = self.module if self.compiled is None else self.compiled
        call = own if through is None else through
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            inputs = [batch[value.blob] for value in self.graph.inputs]
            try:
                result: dict[str, Tensor] = call(*inputs)
            except (RuntimeError, ValueError, IndexError) as error:
                self.explain(batch, error)
                raise
        for file in self.files:
            file.add({**batch, **result})
        return result

    def explain(self, batch: Mapping[str, Tensor], error: Exception) -> None:
        """Raise NetError of what failed in a pass, where it can be told."""
        if is_gpus_own(error):
            return
        found = failing_layer(self, batch)
        if found is None and self.compiled is not None:
            reason = first_line(getattr(error, "inner_exception", error))
            what = f"torch.compile can't compile the net: {reason}"
            hint = "on a CPU it needs a C++ compiler, as g++; or leave --compile out"
            found = NetError(what, None, hint)
        if found is not None:
            raise found from error

    def weights(self) -> list[Weight]:
        """Every parameter blob once, as Net::learnable_params lists them."""
        places = self.places
        return [self._weight(param, places[param]) for param in self.graph.params]

    def _weight(self, param: Param, place: Place) -> Weight:
        moving = None
        if param.blob.moves:
            beside = place.path.rpartition(".")[0] + f".{param.blob.moves}"
            moving = replace(place, path=beside).tensor(self.module)
        return Weight(param, place.tensor(self.module), place, moving)

    def data_state(self) -> Any:
        """Where the data layers stand after the batches that were taken; None without data."""
        if self.batches is not None:
            return self.batches.state()
        return [feed.state() for feed in self.feeds]

    def restore_data(self, state: Any) -> None:
        """Go on with the batch after those that had been taken."""
        for feed, one in zip(self.feeds, state, strict=True):
            feed.restore(one)

    def carried(self) -> Position:
        """What the modules carry to the next pass, besides their weights."""
        return carried(self.module, self.start)

    def carry_on(self, state: Position) -> None:
        """Go on with what the modules had carried."""
        carry_on(self.module, self.start, state)

    def close(self, whole: bool = True) -> None:
        """Stop reading ahead and close the files; they are left out where not ``whole``."""
        try:
            for file in self.files:
                (file.writer.close if whole else file.writer.discard)()
        finally:
            if self.batches is not None:
                self.batches.close()
            for feed in self.feeds:
                feed.close()


def open_net(
    plan: NetPlan,
    device: torch.device,
    *,
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
    precision: str = "fp32",
    compiled: bool = False,
    layer_by_layer: bool = False,
    allow_python: bool = False,
) -> Net:
    """Open the data of a net and compile it for the shapes that the data has.

    ``layer_by_layer`` keeps apart what is computed in one step else.
    """
    selected = select(plan.loaded, plan.phase)
    raise_all(selected.errors)
    _refuse_unread(selected, plan.phase)
    feeds = open_feeds(selected, plan.phase, seed=seed, rank=rank, world=world)
    try:
        shapes = {top: shape for feed in feeds for top, shape in feed.shapes.items()}
        selection = Selection.of(plan.phase, shapes=shapes, allow_python=allow_python)
        graph = api.graph_of(plan.loaded, selection)
        graph = graph if layer_by_layer else fuse_batch_norm(graph)
        net = _compiled(plan, graph, selected.message, feeds, device)
    except BaseException:
        for feed in feeds:
            feed.close()
        raise
    net.precision = precision
    net.compiled = torch.compile(net.module) if compiled else None
    return net


def _refuse_unread(selected: Loaded, phase: str) -> None:
    """NetError where a layer is an input that nothing here reads."""
    for index, layer in enumerate(selected.message.layer):
        cls = layer_class(layer)
        if cls is None or not cls.is_data or feed_of(layer):
            continue
        where = selected.sourcemap.span(("layer", index))
        if layer.type == "Input":
            what = f"layer {layer.name!r} (Input): nothing gives the {phase} net its data"
            raise NetError(what, where, "name a Data, HDF5Data, ImageData or other data layer")
        what = f"layer {layer.name!r} ({layer.type}): its data can't be read here"
        hint = source_hint(layer) or f"these can: {', '.join(READ)}"
        hint = f"{hint}; protonet.compile makes the net for a loop of your own"
        raise NetError(what, where, hint)


def _compiled(
    plan: NetPlan, graph: Graph, message: Any, feeds: list[Feed], device: torch.device
) -> Net:
    outputs = outputs_of(graph)
    training = plan.phase == "TRAIN"
    if training and not graph.has_loss:
        raise NetError(f"the net {graph.name!r} has no loss, there is nothing to train")
    # Statistics and blobs stay as Caffe has them: a test net shares them with the training net.
    sinks = writing_nodes(graph)
    barred = [node for node in sinks if training and node.type not in WATCHING]
    if barred:
        what = f"layer {barred[0].name!r} ({barred[0].type}): a training net writes no file"
        raise NetError(what, barred[0].span, "write include { phase: TEST } into the layer")
    taken = [v.blob for node in sinks for v in node.inputs if not v.producer.layer.is_data]
    given = dict.fromkeys([*(o.blob for o in outputs), *taken])
    asked = list(given) if sinks or not training else None
    made = runnable(lowered(graph, asked, title=plan.title), device)
    made.module.train(training)
    lay_out(made.module, device)
    files = [output_file(node) for node in sinks]
    return Net(
        lowered=made.lowered,
        module=made.module,
        plan=plan,
        message=message,
        feeds=feeds,
        outputs=outputs,
        device=device,
        files=files,
    )


def lay_out(module: nn.Module, device: torch.device) -> None:
    """Have convolutions give their channels side by side, on a CPU.

    What follows them keeps that order. A step of LeNet, ResNet-20, MobileNet, AlexNet or GoogLeNet
    takes a fifth to a third less; nothing was gained on a GPU.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and device.type == "cpu":
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def outputs_of(graph: Graph) -> list[Output]:
    """What no layer reads, by name: Caffe keeps them in an ordered set. Net::Init."""
    weights = {
        value.blob: weight
        for node in graph.nodes
        for value, weight in zip(node.outputs, node.loss_weights, strict=True)
    }
    ends = [value for value in graph.outputs if not value.producer.layer.is_data]
    return sorted((Output(v.blob, weights[v.blob]) for v in ends), key=lambda o: o.blob.encode())
