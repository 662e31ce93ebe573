"""Weights that one module holds in common with another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from protonet.diagnostics import NetError
from protonet.layers.base import show


def share_weights(target: nn.Module, owner: nn.Module) -> None:
    """Let a net hold the very blobs of another, layer by layer of one name.

    NetError where a layer's blobs don't fit. Source: Net::ShareTrainedLayersWith.
    """
    ours, theirs = (vars(type(net))["protonet_blobs"] for net in (target, owner))
    for layer, places in ours.items():
        for index, (own, other) in enumerate(zip(places, theirs.get(layer, ()), strict=False)):
            if own.shape != other.shape or own.kind != other.kind:
                raise NetError(
                    f"blob {index} of layer {layer!r} is {show(own.shape)} in one net, "
                    f"{show(other.shape)} in the other",
                    None,
                    "layers of one name share their blobs; rename one of the two",
                )
            _put(target, own.name, held(owner, other.name))


def lend_weights(stage: nn.Module, owner: nn.Module) -> None:
    """Let the module of one layer of a net work with the net's blobs, for one pass.

    A blob that the net holds for another layer, reshaped or turned, is copied; its gradient goes
    to the net's own.
    """
    ours, theirs = (vars(type(net))["protonet_blobs"] for net in (stage, owner))
    for layer, places in ours.items():
        for own, other in zip(places, theirs[layer], strict=True):
            tensor, here = held(owner, other.name), held(stage, own.name)
            if here.shape != tensor.shape or own.kind != other.kind:
                turned, turns = (place.kind == "transposed" for place in (other, own))
                tensor = _lent(tensor, turned, own.shape, turns, here.shape)
            _put(stage, own.name, tensor)


def held(net: Any, name: str) -> Any:
    """The tensor, or the module, that a dotted name means."""
    for part in name.split(".") if name else ():
        net = getattr(net, part)
    return net


def _put(net: nn.Module, name: str, tensor: Tensor) -> None:
    module, _, leaf = name.rpartition(".")
    setattr(held(net, module), leaf, tensor)


def _lent(
    owner: nn.Parameter, turned: bool, blob: tuple[int, ...], turns: bool, shape: torch.Size
) -> nn.Parameter:
    """A copy of a parameter in another form, whose gradients go to the owner."""
    copy = nn.Parameter(_formed(owner.detach(), turned, blob, turns, shape), owner.requires_grad)
    between = owner.shape[::-1] if turned else owner.shape

    def bring(copy: Tensor) -> None:
        assert copy.grad is not None
        grad, copy.grad = _formed(copy.grad, turns, between, turned, owner.shape), None
        owner.grad = torch.zeros_like(owner) if owner.grad is None else owner.grad
        owner.grad.add_(grad)

    if copy.requires_grad:
        copy.register_post_accumulate_grad_hook(bring)  # type: ignore[no-untyped-call,unused-ignore]
    return copy


def _formed(
    values: Tensor, turned: bool, blob: tuple[int, ...], turns: bool, shape: torch.Size
) -> Tensor:
    """Numbers held in one form in another; Caffe's blob, of the shape ``blob``, is between."""
    plain = (values.t() if turned else values).reshape(blob)
    return (plain.t() if turns else plain).reshape(shape)
