"""Weights that one module holds in common with another."""

from __future__ import annotations

from torch import Tensor, nn

from protonet.diagnostics import NetError
from protonet.layers.base import show
from protonet.runtime.place import Place, places_of

_HINT = "layers of one name share their blobs; rename one of the two"


def share_weights(target: nn.Module, owner: nn.Module) -> None:
    """Let a net hold the very blobs of another, layer by layer of one name.

    NetError where a layer's blobs don't fit. Source: Net::ShareTrainedLayersWith.
    """
    theirs = places_of(owner)
    taken: dict[str, tuple[str, Tensor]] = {}
    for layer, places in places_of(target).items():
        if not places or layer not in theirs:
            continue
        if len(places) != len(theirs[layer]):
            what = f"layer {layer!r} has {len(places)} blobs in one net, "
            raise NetError(f"{what}{len(theirs[layer])} in the other", None, _HINT)
        for index, (own, other) in enumerate(zip(places, theirs[layer], strict=True)):
            if own.shape != other.shape or own.is_folded() != other.is_folded():
                raise NetError(
                    f"blob {index} of layer {layer!r} is {show(own.shape)} in one net, "
                    f"{show(other.shape)} in the other",
                    None,
                    _HINT,
                )
            tensor = other.tensor(owner)
            first, before = taken.setdefault(own.path, (layer, tensor))
            if before is not tensor:
                what = f"layers {first!r} and {layer!r} have one blob {index} in one net"
                raise NetError(f"{what}, two in the other", None, "share it in both, or in neither")
            own.put(target, _held_as(own, own.tensor(target), other, tensor))


def _held_as(own: Place, held: Tensor, other: Place, tensor: Tensor) -> Tensor:
    """The other net's tensor, as a view of it where this net holds the blob in another form."""
    if held.shape == tensor.shape and own.layout is other.layout:
        return tensor
    lent = other.lend(tensor, own, tuple(held.shape))
    is_parameter = isinstance(held, nn.Parameter)
    return nn.Parameter(lent, requires_grad=False) if is_parameter else lent
