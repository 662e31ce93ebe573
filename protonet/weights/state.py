"""The state of a PyTorch module in a file, .safetensors or .pt, as Caffe's layers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedReader, FileIO
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.layers.blob import BlobLayout
from protonet.lowering import Lowered
from protonet.reading import reading
from protonet.runtime.place import Place, Places, places
from protonet.schema.blobs import Content, open_content
from protonet.weights.match import listed
from protonet.weights.statistics import KEY, agree, unpacked
from protonet.weights.stored import LazyBlob, StoredLayer, StoredNet
from protonet.weights.told import net_told, places_told

_NESTS = ("state_dict", "model_state_dict", "model", "net")
_WRAPPERS = ("module.", "_orig_mod.")
_SLACK = 1 << 20  # what was expanded before it was saved holds one element for many
_DTYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "BF16": "f4"}


@dataclass(frozen=True)
class Variant:
    """Where the blobs of each layer are in a module; tied names with the one that is kept."""

    blobs: Places
    tied: Mapping[str, str]


@dataclass(frozen=True)
class State:
    """Tensors of a file by their names, read when they are asked for."""

    path: str
    format: str
    tensors: Mapping[str, LazyBlob]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_safetensors(path: str | os.PathLike[str]) -> State:
    """The tensors of a .safetensors file. NetError where it is damaged."""
    from safetensors import safe_open

    name = os.fspath(path)
    with reading(name):
        held = open_content(name)
        file: Any = safe_open(name, framework="numpy")
        slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        metadata = file.metadata() or {}
        known = {key: (s.get_shape(), s.get_dtype()) for key, s in slices.items()}
    tensors = {
        key: LazyBlob(tuple(shape), np.dtype(_DTYPES[kind]), _reader(file, held, key, kind))
        for key, (shape, kind) in known.items()
        if kind in _DTYPES
    }
    return State(name, "safetensors", tensors, metadata)


def _reader(file: Any, held: Content, key: str, kind: str) -> Callable[[], Array]:
    def read() -> Array:
        held.check()
        with reading(held.name, f"is damaged at the tensor {key!r}"):
            if kind != "BF16":  # which numpy has not
                values: Array = file.get_tensor(key)
                return values
            from safetensors import safe_open

            with safe_open(held.name, framework="pt") as again:
                widened: Array = again.get_tensor(key).float().numpy()
            return widened

    return read


def read_pt(path: str | os.PathLike[str]) -> State:
    """The tensors that torch.save wrote: a state_dict, or a dict that holds one.

    Nothing is executed: what would need code is a NetError.
    """
    name = os.fspath(path)
    held = open_content(name)
    tensors = _state_dict(name, _loaded(name))
    for key, tensor in tensors.items():
        there = tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > there + _SLACK:
            claimed = f"claims {tensor.numel():,} elements, but only {there:,} bytes are there"
            raise NetError(f"{name}: the tensor {key!r} {claimed}")
    return State(name, "pt", {key: _tensor(tensor, held) for key, tensor in tensors.items()})


def _loaded(name: str) -> Any:
    import pickle
    import warnings
    import zipfile

    import torch

    with reading(name, "is damaged, or not what torch.save writes"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mapped = zipfile.is_zipfile(name)
        try:
            if mapped:
                return torch.load(name, map_location="cpu", weights_only=True, mmap=True)
            with _Bounded(FileIO(name)) as file:
                return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            what = f"{name} holds more than tensors, or is damaged; nothing in it is executed"
            hint = "save the state alone: torch.save(net.state_dict(), path)"
            raise NetError(what, None, hint) from None


class _Bounded(BufferedReader):
    """A file of which no more is asked than there is: memory is taken for what is asked."""

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or those that are left."""
        left = os.fstat(self.fileno()).st_size - self.tell()
        return super().read(left if size is None or size < 0 else min(size, left))


def _state_dict(name: str, loaded: Any) -> dict[str, Any]:
    for nest in _NESTS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(nest), Mapping):
            loaded = loaded[nest]
    if not isinstance(loaded, Mapping):
        hint = "save the state: torch.save(net.state_dict(), path)"
        raise NetError(f"{name} holds a {type(loaded).__name__}, no state_dict", None, hint)
    tensors = {str(k): v for k, v in loaded.items() if _is_numbers(v)}
    for wrapper in _WRAPPERS:
        if tensors and all(key.startswith(wrapper) for key in tensors):
            tensors = {key[len(wrapper) :]: value for key, value in tensors.items()}
    return tensors


def _is_numbers(value: Any) -> bool:
    import torch

    dense = isinstance(value, torch.Tensor) and value.layout == torch.strided
    return dense and value.is_floating_point() and not value.is_quantized


def _tensor(tensor: Any, held: Content) -> LazyBlob:
    import torch

    kinds = {torch.float64: "f8", torch.float32: "f4", torch.float16: "f2"}
    plain = tensor.dtype in kinds

    def read() -> Array:
        held.check()
        values: Array = (tensor if plain else tensor.float()).detach().resolve_neg().numpy()
        return values

    return LazyBlob(tuple(tensor.shape), np.dtype(kinds.get(tensor.dtype, "f4")), read)


def as_net(state: State) -> StoredNet:
    """The tensors as layers of the names before their last dots, for want of the net."""
    modules: dict[str, dict[str, LazyBlob]] = {}
    for name, blob in state.tensors.items():
        module, _, own = name.rpartition(".")
        modules.setdefault(module or name, {})[own] = blob
    layers = [StoredLayer(k, "", list(v.values()), list(v)) for k, v in modules.items()]
    return StoredNet(state.path, state.format, layers)


def variant(lowered: Lowered) -> Variant:
    """The places of a net's program."""
    shares = ((s.target, s.owner) for s in lowered.flat.main.shares)
    tied = {lowered.path(own): lowered.path(owner) for own, owner in shares if owner is not None}
    return Variant(places(lowered), tied)


def as_told(state: State) -> StoredNet | None:
    """The tensors as the layers that the file itself tells; None where it tells none of them."""
    blobs = places_told(state.metadata)
    paths = {place.path for own in blobs.values() for place in own if place.path}
    tied = {p: kept for p in paths if (kept := state.metadata.get(p)) is not None}
    if not _known(state, Variant(blobs, tied)):
        return None
    found = as_layers_of(state, [Variant(blobs, tied)])
    there = {layer.name for layer in found.layers}
    lacking = [layer for layer, own in blobs.items() if own and layer not in there]
    return replace(found, skeleton=net_told(state.metadata), lacking=lacking)


def as_layers_of(state: State, variants: Sequence[Variant]) -> StoredNet:
    """The tensors as the layers of that variant of a net which knows most of them.

    Tensors that are none of its are layers of their own names, to be passed over. NetError where
    no variant knows any.
    """
    best = max(variants, key=lambda each: len(_known(state, each)))
    known = _known(state, best)
    if not known:
        names = sorted({p.path for found in best.blobs.values() for p in found if p.path})
        hint = f"the file has {listed(sorted(state.tensors))}; the net {listed(names)}"
        raise NetError(f"{state.path} has none of the net's tensors", None, hint)
    own = unpacked(state.metadata.get(KEY, ""))
    layers = []
    owners: dict[str, Place] = {}
    for layer, found in best.blobs.items():
        held = [owners.setdefault(place.path, place).shape for place in found]
        blobs = [_blob(state, known, p, shape) for p, shape in zip(found, held, strict=True)]
        if blobs and not any(blob is None for blob in blobs):
            layers.append(StoredLayer(layer, "", _exact(blobs, found, own.get(layer))))
    used = set(known.values())
    strangers = [StoredLayer(n, "", [b]) for n, b in state.tensors.items() if n not in used]
    return StoredNet(state.path, state.format, [*layers, *strangers])


def _known(state: State, net: Variant) -> dict[str, str]:
    """The net's names for tensors that the file has, and the file's names for them."""
    names = {p.path for found in net.blobs.values() for p in found if p.path}
    known = {}
    for name in names:
        others = (name, state.metadata.get(name, ""), net.tied.get(name, ""))
        there = [other for other in others if other in state.tensors]
        known.update({name: there[0]} if there else {})
    return known


def _blob(
    state: State, known: Mapping[str, str], place: Place, held: tuple[int, ...]
) -> LazyBlob | None:
    """A tensor as Caffe lays it out; None where the file has it not.

    ``held`` is the shape of the blob under whose name the module holds it.
    """
    if place.layout is BlobLayout.DIVISOR:
        kinds = [blob.dtype for blob in state.tensors.values()]
        one = np.ones(place.shape, np.float64 if np.float64 in kinds else np.float32)
        return LazyBlob(place.shape, one.dtype, one.copy)
    if place.path not in known:
        return None
    tensor = state.tensors[known[place.path]]
    shape = tensor.shape[::-1] if place.layout is BlobLayout.TRANSPOSED else tensor.shape
    # Torch writes an axis of one where Caffe has none, and the other way round.
    same = [n for n in shape if n != 1] == [n for n in held if n != 1]
    there = place if same else replace(place, shape=shape)
    shape = there.shape

    def read() -> Array:
        return there.in_caffe(np.asarray(tensor))

    return LazyBlob(shape, tensor.dtype, read)


def _exact(
    blobs: Sequence[LazyBlob | None], found: Sequence[Place], own: Sequence[Array] | None
) -> Sequence[Any]:
    """Caffe's own statistics in the place of folded ones, where they were kept."""
    if own is None or not any(place.layout is BlobLayout.DIVISOR for place in found):
        return blobs
    return own if agree(own, found, [np.asarray(blob) for blob in blobs]) else blobs
