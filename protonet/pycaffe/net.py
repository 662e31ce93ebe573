"""Caffe's Net: a definition, its blobs and parameters as live arrays, and passes over them."""

from __future__ import annotations

import operator
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.pycaffe import files
from protonet.pycaffe.batches import Arrays, in_batches
from protonet.pycaffe.blob import Blob, BlobVec
from protonet.pycaffe.giving import give
from protonet.pycaffe.layer import Layer, NetLayer
from protonet.pycaffe.live import LiveNet
from protonet.pycaffe.named import Named, unknown
from protonet.pycaffe.opening import PHASES, Opened, open_net
from protonet.pycaffe.wiring import WiringStep
from protonet.runtime.sharing import share_weights
from protonet.schema.load import is_text
from protonet.training.plan import NetPlan, net_plan


class Net:
    """A net of one phase: Net(file, phase, level, stages, weights), or Net(file, weights, phase).

    NetError, with its place, where the definition, its data or the weights are wrong.
    """

    def __init__(
        self,
        network_file: str | os.PathLike[str],
        *args: Any,
        phase: Any = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
        weights: str | None = None,
    ) -> None:
        given = list(args)
        if given and isinstance(given[0], str | os.PathLike):
            weights = os.fspath(given.pop(0))
        names = ("phase", "level", "stages", "weights")
        stated = dict(zip(names, (phase, level, stages, weights), strict=True))
        if len(given) > len(names):
            raise TypeError(f"Net takes at most 5 arguments, not {len(given) + 1}")
        stated.update(zip(names, given, strict=False))
        plan = _plan(network_file, stated["phase"], stated["level"], stated["stages"])
        self._set_up(open_net(plan))
        if stated["weights"] is not None:
            self.copy_from(stated["weights"])

    @classmethod
    def of_plan(cls, plan: NetPlan, seed: int | None) -> Net:
        """The net of a solver's plan, its data with that seed."""
        net = cls.__new__(cls)
        net._set_up(open_net(plan, seed))  # noqa: SLF001 (its own kind)
        net.live.engine.why_not = "its weights are a solver's"
        return net

    @property
    def live(self) -> LiveNet:
        """What runs it."""
        return self._live

    def _set_up(self, opened: Opened) -> None:
        self._live = LiveNet(opened)
        weakref.finalize(self, opened.net.close)  # an HDF5Output's file is whole then
        wired = self._live.wiring
        pairs = [(wire.name, blob) for wire, blob in self._live.blobs.items()]
        self._blob_names = [name for name, _ in pairs]
        self._blobs = [blob for _, blob in pairs]
        self._layer_names = [step.name for step in wired.steps]
        places = {wire: index for index, wire in enumerate(wired.wires)}
        self._inputs = [places[wire] for wire in wired.inputs]
        self._outputs = [places[wire] for wire in wired.outputs]
        self._blob_loss_weights = [wire.weight for wire in wired.wires]
        self._tops = [[places[wire] for wire in step.tops] for step in wired.steps]
        self._bottoms = [[places[wire] for wire in step.bottoms] for step in wired.steps]
        self.blobs: Named[Blob] = Named("blob", pairs)
        self.layers: list[Layer] = [self._layer(step) for step in wired.steps]
        self.layer_dict: Named[Layer] = Named(
            "layer", zip(self._layer_names, self.layers, strict=True)
        )
        named = zip(self._layer_names, self.layers, strict=True)
        self.params: Named[BlobVec] = Named(
            "layer with parameters", [(name, layer.blobs) for name, layer in named if layer.blobs]
        )

    def _layer(self, step: WiringStep) -> Layer:
        if step.node is None:
            return NetLayer(step.type, BlobVec())
        made = self._live.python.get(step.node)
        if made is not None:
            return made  # type: ignore[no-any-return]
        return NetLayer(step.type, self._live.parameters.blobs(step.node))

    def __repr__(self) -> str:
        graph = self._live.net.graph
        return f"<Net {graph.name!r} {graph.phase}, {len(self.layers)} layers>"

    @property
    def inputs(self) -> list[str]:
        """The blobs that Input layers give."""
        return [self._blob_names[index] for index in self._inputs]

    @property
    def outputs(self) -> list[str]:
        """The blobs that no layer reads, by name."""
        return [self._blob_names[index] for index in self._outputs]

    @property
    def blob_loss_weights(self) -> Named[float]:
        """What each blob counts in the objective."""
        pairs = zip(self._blob_names, self._blob_loss_weights, strict=True)
        return Named("blob", pairs)

    @property
    def top_names(self) -> Named[list[str]]:
        """The names of each layer's tops."""
        return self._names(self._tops)

    @property
    def bottom_names(self) -> Named[list[str]]:
        """The names of each layer's bottoms."""
        return self._names(self._bottoms)

    def _names(self, places: Sequence[Sequence[int]]) -> Named[list[str]]:
        own = [[self._blob_names[place] for place in some] for some in places]
        return Named("layer", zip(self._layer_names, own, strict=True))

    def _top_ids(self, layer: int) -> list[int]:
        return list(self._tops[layer])

    def _bottom_ids(self, layer: int) -> list[int]:
        return list(self._bottoms[layer])

    def _forward(self, start: int, end: int) -> float:
        return self._live.forward(self._index(start), self._index(end))

    def _backward(self, start: int, end: int) -> None:
        self._live.backward(self._index(start), self._index(end))

    def _index(self, layer: int) -> int:
        if not 0 <= layer < len(self.layers):
            raise NetError(f"the net has the layers 0 to {len(self.layers) - 1}, not {layer}")
        return layer

    def _place(self, layer: str | None, default: int) -> int:
        if layer is None:
            return default
        if layer not in self._layer_names:
            raise unknown("layer", layer, self._layer_names)
        return self._layer_names.index(layer)

    def forward(
        self,
        blobs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> Arrays:
        """Run the net, or its layers from ``start`` to ``end``; {output: array}, and ``blobs``.

        Keywords give the inputs, all of them. NetError where something does not fit; the net stays
        as it was.
        """
        first, last = self._place(start, 0), self._place(end, len(self.layers) - 1)
        named = self.outputs if end is None else self.top_names[end]
        wanted = dict.fromkeys([*named, *(blobs or ())])
        found = {name: self.blobs[name] for name in wanted}
        give(kwargs, self.blobs, self.inputs, "input")
        self._forward(first, last)
        return {name: blob.data for name, blob in found.items()}

    def backward(
        self,
        diffs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> Arrays:
        """Run the net backward, or its layers from ``start`` back to ``end``.

        Returns {input: gradient}, or of the bottoms of ``end``, and of ``diffs``. Keywords give the
        gradients of the outputs, all of them.
        """
        first, last = self._place(start, len(self.layers) - 1), self._place(end, 0)
        named = self.inputs if end is None else self.bottom_names[end]
        wanted = dict.fromkeys([*named, *(diffs or ())])
        found = {name: self.blobs[name] for name in wanted}
        give(kwargs, self.blobs, self.outputs, "output", diff=True)
        self._backward(first, last)
        return {name: blob.diff for name, blob in found.items()}

    def forward_all(self, blobs: Sequence[str] | None = None, **kwargs: Any) -> Arrays:
        """Run any number of items through the net, a batch at a time; {output: array}."""
        return in_batches(self, blobs, None, kwargs, backward=False)[0]

    def forward_backward_all(
        self,
        blobs: Sequence[str] | None = None,
        diffs: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> tuple[Arrays, Arrays]:
        """As forward_all, and backward, where keywords may give the outputs' gradients."""
        return in_batches(self, blobs, diffs, kwargs, backward=True)

    def reshape(self) -> None:
        """Give all blobs the shapes that follow from the inputs'. Source: Net::Reshape."""
        self._live.reshape()

    def clear_param_diffs(self) -> None:
        """Set the gradients of all parameters to zero."""
        self._live.parameters.clear_gradients()

    def copy_from(self, weights: str | os.PathLike[str]) -> None:
        """Take the weights of a file of any kind, or of several with commas between them."""
        self._live.engine.forget()
        files.copy_from(self._live.net.module, weights)

    def load_hdf5(self, weights: str | os.PathLike[str]) -> None:
        """Take the weights of an HDF5 file."""
        self._live.engine.forget()
        files.copy_from(self._live.net.module, weights)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the layers and weights as a caffemodel."""
        files.save(self._live.net, self.params, path)

    def save_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Write the weights as Caffe's HDF5."""
        files.save_hdf5(self._live.net, self.params, path)

    def share_with(self, other: Net) -> None:
        """Hold the very parameters of another net, for layers of one name.

        NetError where their blobs don't fit. Source: Net::ShareTrainedLayersWith.
        """
        share_weights(self._live.net.module, other.live.net.module)
        self._live.parameters.look()
        self._live.fitter.forget()
        for live in (self._live, other.live):
            live.engine.why_not = "it has its weights in common with another net"

    def set_input_arrays(self, data: Array, labels: Array) -> None:
        """Have the net's first layer, a MemoryData, give these arrays from now on."""
        layer = self._layer_names[0]
        feed = self._live.batches.memory(layer)
        if feed is None:
            what = f"arrays are given, but the first layer, {layer!r} ({self.layers[0].type}),"
            raise NetError(f"{what} is no MemoryData", None, "write into net.blobs[...].data")
        feed.reset(data, labels)

    def before_forward(self, run: Callable[[int], object]) -> None:
        """Call a function with the number of each layer before it runs."""
        self._live.before_forward.append(run)

    def after_forward(self, run: Callable[[int], object]) -> None:
        """Call a function with the number of each layer after it ran."""
        self._live.after_forward.append(run)

    def before_backward(self, run: Callable[[int], object]) -> None:
        """Call a function with the number of each layer before it runs backward."""
        self._live.before_backward.append(run)

    def after_backward(self, run: Callable[[int], object]) -> None:
        """Call a function with the number of each layer after it ran backward."""
        self._live.after_backward.append(run)


def _plan(source: Any, phase: Any, level: int, stages: Sequence[str] | None) -> NetPlan:
    if isinstance(source, str) and is_text(source):
        raise NetError("a net is given by its file's path, not by its text")
    try:
        number = operator.index(phase)
    except TypeError:
        number = -1
    if number not in (0, 1):
        what = f"the phase is caffe.TRAIN or caffe.TEST, not {phase!r}"
        raise NetError(what, None, "caffe.Net(file, caffe.TEST, weights=...)")
    names = [stages] if isinstance(stages, str) else list(stages or ())
    return net_plan(source, PHASES[number], names, level)
