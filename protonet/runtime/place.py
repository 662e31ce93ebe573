"""Where a blob of Caffe's is in a module, and how one is laid out in the other's form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.graph import Node, Param
from protonet.layers.blob import BlobLayout
from protonet.lowering import Lowered

if TYPE_CHECKING:
    from torch import Tensor, nn

Places = Mapping[str, tuple["Place", ...]]


@dataclass(frozen=True)
class Place:
    """Where a module has one blob of a layer: a dotted path, "" where it has it not.

    ``shape`` is Caffe's. One that ``may_lack`` keeps its values where a file ends before it. A
    statistic that torch holds divided already loses its divisor.
    """

    path: str
    shape: tuple[int, ...]
    layout: BlobLayout = BlobLayout.PLAIN
    may_lack: bool = False

    def tensor(self, net: nn.Module) -> Tensor:
        """The tensor in the module."""
        module, _, leaf = self.path.rpartition(".")
        value: Tensor = getattr(net.get_submodule(module), leaf)
        return value

    def put(self, net: nn.Module, tensor: Tensor) -> None:
        """Let the module hold another tensor."""
        module, _, leaf = self.path.rpartition(".")
        setattr(net.get_submodule(module), leaf, tensor)

    def is_folded(self) -> bool:
        """Whether the module has the blob divided already, or not at all."""
        return self.layout in (BlobLayout.DIVIDED, BlobLayout.DIVISOR)

    def lend(self, values: Tensor, other: Place, shape: tuple[int, ...]) -> Tensor:
        """A tensor of this place as the ``other`` holds the blob: in its layout and ``shape``.

        It is a view. Where the storage isn't in Caffe's order, of which views can be taken in any
        shape, it is first brought there; the tensor stays what it is.
        """
        turned = values.detach().T if self.layout is BlobLayout.TRANSPOSED else values.detach()
        if not turned.is_contiguous():
            turned = turned.contiguous()
            values.data = turned.T if self.layout is BlobLayout.TRANSPOSED else turned
        if other.layout is BlobLayout.TRANSPOSED:
            return turned.view(shape[::-1]).T
        return turned.view(shape)

    def to_caffe(self, values: Tensor) -> Array:
        """A tensor of this place, or its gradient, as a new array in Caffe's shape and order."""
        import torch

        if values.dtype in (torch.bfloat16, torch.float16):
            values = values.float()
        return np.array(self.in_caffe(values.detach().cpu().numpy()), copy=True)

    def in_caffe(self, values: Array) -> Array:
        """An array in torch's order and shape, in Caffe's; it may be a view."""
        turned = values.T if self.layout is BlobLayout.TRANSPOSED else values
        shaped: Array = turned.reshape(self.shape)
        return shaped

    def from_caffe(self, values: Array, shape: tuple[int, ...], divisor: float = 1.0) -> Tensor:
        """An array of Caffe's as a tensor of torch's ``shape``; the inverse of ``to_caffe``.

        ``divisor`` is that of the layer's statistics.
        """
        import torch

        if self.layout is BlobLayout.RESIZED and values.shape != self.shape:
            values = np.broadcast_to(values.mean((2, 3), keepdims=True), self.shape).copy()
        shaped = values.reshape(self.shape)
        if self.layout is BlobLayout.DIVIDED:
            shaped = divided(shaped, divisor)
        if self.layout is BlobLayout.TRANSPOSED:
            shaped = shaped.reshape(shape[::-1]).T
        return torch.from_numpy(shaped).reshape(shape)


def divided(statistic: Array, divisor: float) -> Array:
    """A mean or variance over Caffe's third blob, which 0 turns into zeros.

    Source: BatchNormLayer::Forward_cpu, with use_global_stats.
    """
    scaled: Array = statistic * statistic.dtype.type(1.0 / divisor if divisor else 0.0)
    return scaled


def places(lowered: Lowered) -> dict[str, tuple[Place, ...]]:
    """The places of the blobs of every layer that computes, by the layer's name.

    Of two layers with one name Caffe, too, loads the first.
    """
    found: dict[str, tuple[Place, ...]] = {}
    for node, made in _by_node(lowered).items():
        rest = [place for _, place in made]
        for member in node.origin:
            own, rest = rest[: len(member.params)], rest[len(member.params) :]
            found.setdefault(member.name, tuple(own))
    return found


def owned(lowered: Lowered) -> dict[Param, Place]:
    """The place of every parameter that torch holds, in the form in which its owner has it."""
    found: dict[Param, Place] = {}
    for made in _by_node(lowered).values():
        found.update((p, place) for p, place in made if place.path and p not in found)
    return found


def _by_node(lowered: Lowered) -> dict[Node, list[tuple[Param, Place]]]:
    """The places of each node's parameters; what it borrows is where its owner has it."""
    flat = lowered.flat.main
    attributes = {part.origin: part.attribute for part in flat.submodules}
    lent = {share.target for share in flat.shares if share.owner is None}
    owners: dict[Param, Place] = {}
    found: dict[Node, list[tuple[Param, Place]]] = {}
    for node in lowered.graph.nodes:
        if node.layer.is_data:
            continue
        found[node] = []
        attribute = attributes.get(node.origin)
        for param, blob in zip(node.params, node.blobs, strict=True) if attribute else ():
            flat_path = f"{attribute}.{blob.name}" if blob.name else ""
            place = Place(lowered.path(flat_path), blob.shape, blob.layout, blob.may_lack)
            owner = owners.setdefault(param, place)
            if flat_path in lent:
                place = Place(owner.path, blob.shape, owner.layout)
            found[node].append((param, place))
    return found


def places_of(net: nn.Module) -> dict[str, tuple[Place, ...]]:
    """The places of a compiled net. NetError where it is another module."""
    found: Places | None = getattr(type(net), "protonet_blobs", None)
    if found is None:
        raise NetError(f"{type(net).__name__} is no net that protonet compiled")
    return dict(found)
