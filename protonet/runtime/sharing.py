"""Weights that one module holds in common with another."""

from __future__ import annotations

from torch import nn

from protonet.diagnostics import NetError
from protonet.layers.base import show
from protonet.runtime.place import places_of


def share_weights(target: nn.Module, owner: nn.Module) -> None:
    """Let a net hold the very blobs of another, layer by layer of one name.

    NetError where a layer's blobs don't fit. Source: Net::ShareTrainedLayersWith.
    """
    theirs = places_of(owner)
    for layer, places in places_of(target).items():
        for index, (own, other) in enumerate(zip(places, theirs.get(layer, ()), strict=False)):
            if own.shape != other.shape or own.layout is not other.layout:
                raise NetError(
                    f"blob {index} of layer {layer!r} is {show(own.shape)} in one net, "
                    f"{show(other.shape)} in the other",
                    None,
                    "layers of one name share their blobs; rename one of the two",
                )
            own.put(target, other.tensor(owner))
