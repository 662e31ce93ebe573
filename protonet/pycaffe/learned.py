"""The parameters of a net as blobs over the module's own tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from protonet.diagnostics import NetError
from protonet.graph import Node, Param
from protonet.pycaffe.blob import Blob, BlobVec
from protonet.pycaffe.memory import LiveMemory, ParameterMemory
from protonet.runtime.net import RunnableNet
from protonet.runtime.place import Place
from protonet.shape import count, show


@dataclass
class Learned:
    """A parameter: its tensor in the module, and the memory of its data and of its diff."""

    net: RunnableNet
    param: Param
    place: Place
    data: ParameterMemory = field(init=False)
    diff: LiveMemory = field(init=False)
    _gradient: Tensor | None = None

    def __post_init__(self) -> None:
        self.diff = LiveMemory(count(self.place.shape))
        self.look()

    def look(self) -> None:
        """Look at the tensor that the module holds now."""
        plain, again = Place("", self.place.shape), hasattr(self, "data")
        self.data = ParameterMemory(self.place.lend(self.tensor, plain, self.place.shape))
        self.data.is_given = again  # other numbers than an engine may have taken

    def take(self, blob: Blob) -> None:
        """Have the numbers and the diff of another blob of as many elements, as its memory."""
        shape = tuple(self.tensor.shape)
        self.tensor.data = Place("", blob.shape).lend(blob.tensor, self.place, shape)
        self.diff, self._gradient = blob.gradient_memory, None
        if self.tensor.grad is not None:
            self.tensor.grad = self.gradient
        self.look()

    @property
    def tensor(self) -> Tensor:
        """The tensor that the module computes with."""
        return self.place.tensor(self.net.module)

    @property
    def gradient(self) -> Tensor:
        """The diff's own memory in the form of the tensor."""
        if self._gradient is None:
            plain, shape = Place("", self.place.shape), tuple(self.tensor.shape)
            self._gradient = plain.lend(self.diff.view(self.place.shape), self.place, shape)
        return self._gradient


class Parameters:
    """All parameters of a net, and the blobs of its layers over them."""

    def __init__(self, net: RunnableNet) -> None:
        self.all = [Learned(net, param, place) for param, place in net.places.items()]
        self._by_param = {one.param: one for one in self.all}
        self._blobs: dict[Node, BlobVec] = {}

    def of(self, node: Node) -> list[Learned]:
        """A layer's parameters that torch holds."""
        return [self._by_param[param] for param in node.params if param in self._by_param]

    def blobs(self, node: Node) -> BlobVec:
        """A layer's parameter blobs; those that layers share have one memory."""
        if node not in self._blobs:
            pairs = enumerate(zip(self.of(node), node.blobs, strict=True))
            self._blobs[node] = BlobVec(
                Blob(blob.shape, one.data, one.diff, f"blob {index} of layer {node.name!r}")
                for index, (one, blob) in pairs
            )
            self._blobs[node].take = partial(self.take, node)
        return self._blobs[node]

    def take(self, node: Node, index: int, blob: Blob) -> None:
        """Have a layer compute with another blob's numbers, as if the two were one.

        NetError where they have not as many. Source: Layer::blobs, a list that Caffe gives out.
        """
        own, learned = self._blobs[node][index], self.of(node)[index]
        if own.count != blob.count:
            what = (
                f"{own.name} has {show(own.shape)}, {blob.name or 'the other'} {show(blob.shape)}"
            )
            raise NetError(f"a blob is replaced by one of as many elements: {what}")
        learned.take(blob)
        self.look()

    def look(self) -> None:
        """Look at the tensors that the module holds now. Blobs stay the same objects."""
        for one in self.all:
            one.look()
        for node, blobs in self._blobs.items():
            for blob, one in zip(
                blobs, self.of(node), strict=False
            ):  # a script may have added some
                blob.move(one.data, one.diff)

    def clear_gradients(self) -> None:
        """Zeros for all diffs. Source: Net::ClearParamDiffs."""
        for one in self.all:
            one.diff.zero()


def fill_python_blobs(python: Mapping[Node, object], parameters: Parameters) -> None:
    """Give Python layers blobs over the module's parameters, with what their setup wrote."""
    for node, layer in python.items():
        blobs = parameters.blobs(node)
        for blob, own in zip(blobs, getattr(layer, "blobs", ()), strict=True):
            blob.data[...] = own.data
            blob.diff[...] = own.diff
        layer.blobs = blobs  # type: ignore[attr-defined]
