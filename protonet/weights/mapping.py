"""Caffe's {layer: [blob, ...]} to a compiled net's parameters, and back."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from protonet.arrays import Array
from protonet.diagnostics import NetError, did_you_mean
from protonet.layers.blob import BlobLayout
from protonet.runtime.place import Place, Places, places_of
from protonet.weights.match import Match, Wanted, match
from protonet.weights.read import Variants, open_weights, split_paths
from protonet.weights.state import Variant
from protonet.weights.statistics import divisor
from protonet.weights.stored import BlobLike, StoredNet, as_blob, as_layers
from protonet.weights.unfilled import made_for


def load_blobs(net: nn.Module, blobs: Mapping[str, Sequence[Array]]) -> None:
    """Copy arrays in Caffe's blob order and shapes into a net that protonet compiled.

    Legacy shapes of four axes, (1, 1, m, n) for (m, n), are taken. Layers that ``blobs`` does
    not name keep their values; those without arrays, as files have them too, need not be in the
    net. Raises NetError, before anything is copied, where a layer's name, its number of blobs or
    a shape does not fit, or something is no array.
    """
    load_stored(net, [_stored_arrays(net, blobs)])


def _stored_arrays(net: nn.Module, blobs: Mapping[str, Sequence[Array]]) -> StoredNet:
    """What a caller gives, as a file's layers."""
    given = _arrays(blobs)
    places = places_of(net)
    for layer in given:
        if given[layer] and not places.get(layer):
            known = [name for name in places if places[name]]
            hint = did_you_mean(layer, known) or f"it has {', '.join(known) or 'none'}"
            raise NetError(f"the net has no layer {layer!r} with parameters", None, hint)
    return StoredNet("", "arrays", as_layers(given))


def _arrays(blobs: Any) -> dict[str, list[BlobLike | None]]:
    """What a caller gives, looked at: lists of numeric arrays, None for a blob of another layer."""
    if not isinstance(blobs, Mapping):
        what = f"blobs are {{layer: [array, ...]}}, not {reprlib.repr(blobs)}"
        raise NetError(what, None, "load_weights takes files")
    return {layer: _of_layer(layer, given) for layer, given in blobs.items()}


def _of_layer(layer: Any, given: Any) -> list[BlobLike | None]:
    hint = f"give {{{layer!r}: [weight, bias]}}, each an array in Caffe's shape"
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        what = f"the blobs of layer {layer!r} are a list of arrays, not {reprlib.repr(given)}"
        raise NetError(what, None, hint)
    blobs: list[BlobLike | None] = []
    for index, one in enumerate(given):
        try:
            blob = as_blob(_on_host(one) if isinstance(one, torch.Tensor) else one)
        except (
            ValueError,
            TypeError,
            NotImplementedError,
        ):  # rows of several lengths, a tensor without numbers
            blob = np.empty(0, object)
        if isinstance(blob, np.ndarray) and blob.dtype.kind not in "fiub":
            what = f"blob {index} of layer {layer!r} is no array of numbers: {reprlib.repr(one)}"
            raise NetError(what, None, hint)
        blobs.append(blob)
    return blobs


def _on_host(tensor: torch.Tensor) -> Array:
    """A tensor of any precision, layout or device as an array of numpy's."""
    plain = tensor.detach()
    plain = plain.dequantize() if plain.is_quantized else plain
    plain = plain if plain.layout is torch.strided else plain.to_dense()
    brief = plain.is_floating_point() and plain.dtype.itemsize < torch.float32.itemsize
    on_host: Array = (plain.float() if brief else plain).cpu().resolve_neg().numpy()
    return on_host


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


def loaded(
    make: Callable[[], nn.Module], weights: Any, variants: Variants = tuple
) -> tuple[nn.Module, Match]:
    """A net that protonet compiled, made and loaded as ``load_weights`` loads it.

    Where the weights are all that it learns, it is not filled at random before.
    """
    stored: list[StoredNet] = []

    def written(net: nn.Module) -> list[torch.Tensor]:
        is_named = isinstance(weights, Mapping)
        stored[:] = (
            [_stored_arrays(net, weights)] if is_named else open_stored(net, weights, variants)
        )
        return _written(net, stored)

    net = made_for(make, written)
    matched = load_stored(net, stored)
    return net, Match() if isinstance(weights, Mapping) else matched


def open_stored(net: nn.Module, weights: Any, variants: Variants = tuple) -> list[StoredNet]:
    """The layers of files, for a net that protonet compiled. See load_weights."""
    own = Variant(places_of(net), _tied(net))
    return [open_weights(path, lambda: [own, *variants()]) for path in split_paths(weights)]


def _tied(net: nn.Module) -> dict[str, str]:
    """Names under which a tensor is known again, with its first name."""
    first: dict[torch.Tensor, str] = {}
    found = [place for places in places_of(net).values() for place in places if place.path]
    return {place.path: first.setdefault(place.tensor(net), place.path) for place in found}


def load_stored(net: nn.Module, stored: Sequence[StoredNet], strict: bool = False) -> Match:
    """Copy weights of files, one after the other, into a net that protonet compiled.

    A layer's numbers are read when their turn comes. Layers that only a file has are passed over,
    and those that no file has keep their values; the result lists both, and with ``strict``
    they are a NetError. So is, before anything is copied, a number of blobs or a shape that
    differs. Source: Net::CopyTrainedLayersFrom.
    """
    places = places_of(net)
    matched = match(stored, _wanted(net, places), strict)
    for layer in matched.layers:
        _copy(net, places[layer.name], layer.blobs)
    return matched


def _written(net: nn.Module, stored: Sequence[StoredNet]) -> list[torch.Tensor]:
    """The tensors of a net that files have numbers for. NetError where they do not fit."""
    places = places_of(net)
    pairs = (
        pair
        for layer in match(stored, _wanted(net, places)).layers
        for pair in zip(places[layer.name], layer.blobs, strict=False)
    )
    return [place.tensor(net) for place, blob in pairs if blob is not None and place.path]


def _wanted(net: nn.Module, places: Places) -> dict[str, list[Wanted]]:
    """The shapes of every layer's blobs, and whether an earlier layer has the tensor."""
    seen: set[torch.Tensor] = set()
    wanted: dict[str, list[Wanted]] = {}
    for layer, blobs in places.items():
        tensors = [place.tensor(net) if place.path else None for place in blobs]
        wanted[layer] = [
            Wanted(p.shape, t in seen, p.layout is BlobLayout.RESIZED, p.may_lack)
            for p, t in zip(blobs, tensors, strict=True)
        ]
        seen.update(t for t in tensors if t is not None)
    return wanted


def dump_blobs(net: nn.Module, diff: bool = False) -> dict[str, list[Array]]:
    """The parameters of a compiled net as Caffe lays them out, {layer: [array, ...]}.

    With ``diff`` the gradients, zeros where there is none. A BatchNorm that was folded gives
    its statistics with a factor of one.
    """
    dumped: dict[str, list[Array]] = {}
    for layer, places in places_of(net).items():
        if not places:
            continue
        dumped[layer] = [_dump(net, place, diff) for place in places]
    return dumped


def _copy(net: nn.Module, places: Sequence[Place], blobs: Sequence[BlobLike | None]) -> None:
    by = divisor(blobs, places)
    with torch.no_grad():
        for place, blob in zip(places, blobs, strict=False):
            if blob is not None and place.path:
                target = place.tensor(net)
                target.copy_(place.from_caffe(_values(blob, target), tuple(target.shape), by))


def _values(blob: BlobLike, target: torch.Tensor) -> Array:
    """The numbers in the precision of their target, as an array that torch may look at."""
    precise = target.dtype == torch.float64
    values = np.asarray(blob)
    return values.astype(np.float64 if precise else np.float32, copy=not values.flags.writeable)


def _dump(net: nn.Module, place: Place, diff: bool) -> Array:
    if not place.path:  # the divisor of statistics that are divided already
        return np.full(place.shape, 0.0 if diff else 1.0, dtype=np.float32)
    tensor = place.tensor(net)
    if diff:
        tensor = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
    return place.to_caffe(tensor)
