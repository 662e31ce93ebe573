"""Caffe's {layer: [blob, ...]} to a compiled net's parameters, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from protonet.arrays import Array
from protonet.diagnostics import NetError, did_you_mean
from protonet.weights.match import Match, Wanted, match
from protonet.weights.read import Variants, open_weights, split_paths
from protonet.weights.state import Variant
from protonet.weights.statistics import divided
from protonet.weights.stored import BlobLike, StoredNet, as_layers


def load_blobs(net: nn.Module, blobs: Mapping[str, Sequence[Array]]) -> None:
    """Copy arrays in Caffe's blob order and shapes into a net that protonet compiled.

    Legacy shapes of four axes, (1, 1, m, n) for (m, n), are taken. Layers that ``blobs`` does
    not name keep their values; those without arrays, as files have them too, need not be in the
    net. Raises NetError, before anything is copied, where a layer's name, its number of blobs or
    a shape does not fit.
    """
    places = _places(net)
    for layer in blobs:
        if blobs[layer] and not places.get(layer):
            known = [name for name in places if places[name]]
            hint = did_you_mean(layer, known) or f"it has {', '.join(known) or 'none'}"
            raise NetError(f"the net has no layer {layer!r} with parameters", None, hint)
    load_stored(net, [StoredNet("", "arrays", as_layers(blobs))])


def load_weights(
    net: nn.Module, weights: Any, strict: bool = False, variants: Variants = tuple
) -> Match:
    """Load files, or {layer: [array, ...]}, into a net that protonet compiled.

    ``weights`` is a path, several with commas between them, or a list of paths; ``variants`` gives
    further forms in which the net may have been compiled when a state was saved. See load_stored.
    """
    if isinstance(weights, Mapping):
        load_blobs(net, weights)
        return Match()
    return load_stored(net, open_stored(net, weights, variants), strict)


def open_stored(net: nn.Module, weights: Any, variants: Variants = tuple) -> list[StoredNet]:
    """The layers of files, for a net that protonet compiled. See load_weights."""
    own = Variant(_places(net), _tied(net))
    return [open_weights(path, lambda: [own, *variants()]) for path in split_paths(weights)]


def _tied(net: nn.Module) -> dict[str, str]:
    """Names under which a tensor is known again, with its first name."""
    first: dict[torch.Tensor, str] = {}
    names = [place.name for places in _places(net).values() for place in places if place.name]
    return {name: first.setdefault(_tensor(net, name), name) for name in names}


def load_stored(net: nn.Module, stored: Sequence[StoredNet], strict: bool = False) -> Match:
    """Copy weights of files, one after the other, into a net that protonet compiled.

    A layer's numbers are read when their turn comes. Layers that only a file has are passed over,
    and those that no file has keep their values; the result lists both, and with ``strict``
    they are a NetError. So is, before anything is copied, a number of blobs or a shape that
    differs. Source: Net::CopyTrainedLayersFrom.
    """
    places = _places(net)
    matched = match(stored, _wanted(net, places), strict)
    for layer in matched.layers:
        _copy(net, places[layer.name], layer.blobs)
    return matched


def _wanted(net: nn.Module, places: Mapping[str, Sequence[Any]]) -> dict[str, list[Wanted]]:
    """The shapes of every layer's blobs, and whether an earlier layer has the tensor."""
    seen: set[torch.Tensor] = set()
    wanted: dict[str, list[Wanted]] = {}
    for layer, blobs in places.items():
        tensors = [_tensor(net, place.name) if place.name else None for place in blobs]
        wanted[layer] = [Wanted(p.shape, t in seen) for p, t in zip(blobs, tensors, strict=True)]
        seen.update(t for t in tensors if t is not None)
    return wanted


def dump_blobs(net: nn.Module, diff: bool = False) -> dict[str, list[Array]]:
    """The parameters of a compiled net as Caffe lays them out, {layer: [array, ...]}.

    With ``diff`` the gradients, zeros where there is none. A BatchNorm that was folded gives
    its statistics with a factor of one.
    """
    dumped: dict[str, list[Array]] = {}
    for layer, places in _places(net).items():
        if not places:
            continue
        dumped[layer] = [_dump(net, place, diff) for place in places]
    return dumped


def _places(net: nn.Module) -> dict[str, Any]:
    places = getattr(type(net), "protonet_blobs", None)
    if places is None:
        raise NetError(f"{type(net).__name__} is no net that protonet compiled")
    return dict(places)


def _copy(net: nn.Module, places: Sequence[Any], blobs: Sequence[BlobLike | None]) -> None:
    factor = next((b for p, b in zip(places, blobs, strict=False) if p.kind == "factor"), None)
    with torch.no_grad():
        for place, blob in zip(places, blobs, strict=False):
            if blob is None or place.kind == "factor":
                continue
            target = _tensor(net, place.name)
            values = _values(blob, target).reshape(place.shape)
            values = divided(values, factor) if place.kind == "folded" else values
            if place.kind == "transposed":
                values = values.reshape(target.shape[::-1]).T
            target.copy_(torch.from_numpy(values).reshape(target.shape))


def _values(blob: BlobLike, target: torch.Tensor) -> Array:
    """The numbers in the precision of their target, as an array that torch may look at."""
    precise = target.dtype == torch.float64
    values = np.asarray(blob)
    return values.astype(np.float64 if precise else np.float32, copy=not values.flags.writeable)


def _dump(net: nn.Module, place: Any, diff: bool) -> Array:
    if place.kind == "factor":
        return np.full(place.shape, 0.0 if diff else 1.0, dtype=np.float32)
    tensor = _tensor(net, place.name)
    if diff:
        tensor = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    values: Array = tensor.detach().cpu().numpy()
    values = values.T if place.kind == "transposed" else values
    copied: Array = np.array(values.reshape(place.shape), copy=True)
    return copied


def _tensor(net: nn.Module, name: str) -> torch.Tensor:
    value: Any = net
    for part in name.split("."):
        value = getattr(value, part)
    assert isinstance(value, torch.Tensor)
    return value
