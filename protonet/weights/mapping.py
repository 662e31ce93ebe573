"""Caffe's {layer: [blob, ...]} to a compiled net's parameters, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from protonet.diagnostics import NetError, did_you_mean
from protonet.layers.base import count, show

Array = npt.NDArray[Any]


def load_blobs(net: nn.Module, blobs: Mapping[str, Sequence[Array]]) -> None:
    """Copy arrays in Caffe's blob order and shapes into a net that protonet compiled.

    Legacy shapes that only lead with ones, (1, 1, m, n) for (m, n), are taken. Layers that
    ``blobs`` does not name keep their values. Raises NetError, before anything is copied, where
    a layer's name, its number of blobs or a shape does not fit. Source: Layer::FromProto,
    Net::CopyTrainedLayersFrom.
    """
    places = _places(net)
    checked: dict[str, list[Array]] = {}
    for layer, arrays in blobs.items():
        if layer not in places:
            hint = did_you_mean(layer, places) or f"it has {', '.join(places) or 'none'}"
            raise NetError(f"the net has no layer {layer!r} with parameters", None, hint)
        checked[layer] = _checked(layer, arrays, places[layer])
    for layer, arrays in checked.items():
        _copy(net, places[layer], arrays)


def dump_blobs(net: nn.Module, diff: bool = False) -> dict[str, list[Array]]:
    """The parameters of a compiled net as Caffe lays them out, {layer: [array, ...]}.

    With ``diff`` the gradients, zeros where there is none. A BatchNorm that was folded gives
    its statistics with a factor of one.
    """
    dumped: dict[str, list[Array]] = {}
    for layer, places in _places(net).items():
        dumped[layer] = [_dump(net, place, diff) for place in places]
    return dumped


def _places(net: nn.Module) -> dict[str, Any]:
    places = getattr(type(net), "protonet_blobs", None)
    if places is None:
        raise NetError(f"{type(net).__name__} is no net that protonet compiled")
    return dict(places)


def _checked(layer: str, arrays: Sequence[Array], places: Sequence[Any]) -> list[Array]:
    if len(arrays) != len(places):
        what = f"layer {layer!r} has {len(places)} blobs, but {len(arrays)} are given"
        raise NetError(what, None, f"their shapes are {', '.join(show(p.shape) for p in places)}")
    fitted = []
    for index, (array, place) in enumerate(zip(arrays, places, strict=True)):
        given = np.asarray(array)
        if not _fits(given.shape, place.shape):
            raise NetError(
                f"blob {index} of layer {layer!r} has the shape {show(place.shape)}, "
                f"but {show(given.shape)} is given"
            )
        fitted.append(given.reshape(place.shape))
    return fitted


def _fits(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    if given == wanted:
        return True
    legacy = len(given) == 4 and len(wanted) < 4
    return legacy and given == (1,) * (4 - len(wanted)) + wanted and count(given) == count(wanted)


def _copy(net: nn.Module, places: Sequence[Any], arrays: list[Array]) -> None:
    factor = next(
        (
            float(a.reshape(-1)[0])
            for p, a in zip(places, arrays, strict=True)
            if p.kind == "factor"
        ),
        1.0,
    )
    scale = 0.0 if factor == 0 else 1.0 / factor
    with torch.no_grad():
        for place, array in zip(places, arrays, strict=True):
            if place.kind == "factor":
                continue
            values = array * array.dtype.type(scale) if place.kind == "folded" else array
            target = _tensor(net, place.name)
            if place.kind == "transposed":
                values = values.reshape(target.shape[::-1]).T
            source = torch.from_numpy(np.array(values, copy=True)).reshape(target.shape)
            target.copy_(source)


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
