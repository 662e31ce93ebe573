"""Where the coordinates of one top lie in another: maps through layers, and crops made of them.

A map is (axis, scale, shift): the first spatial axis less one, or None where every axis is meant,
and per axis what a coordinate is multiplied with and moved by. Source: pycaffe's coord_map.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from protonet.arrays import Array
from protonet.pycaffe.net_spec import Function, Top, layers

PASS_THROUGH_LAYERS = [
    *("AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Log", "LRN", "Exp"),
    *("MVN", "Power", "ReLU", "PReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold"),
]
_WINDOWS = ("Convolution", "Pooling", "Im2col")
_LEGACY = ("kernel_h", "kernel_w", "pad_h", "pad_w", "stride_h", "stride_w")


class UndefinedMapException(Exception):
    """A layer through which coordinates have no map."""


class AxisMismatchException(Exception):
    """Maps of different axes that can't follow one another."""


class ConvWindow(NamedTuple):
    """The window of a layer: its axis, and for each spatial axis, or for all, the rest."""

    axis: int
    stride: Array
    kernel_size: Array
    pad: Array


Map = tuple[Any, Any, Any]
_IDENTITY: Map = (None, 1, 0)


def _numbers(value: Any) -> Array:
    return np.array(value, ndmin=1)


def conv_params(fn: Function) -> ConvWindow:
    """The window of a convolution or pooling, its kernel widened by dilation.

    AssertionError where it is given by kernel_h, pad_w and the like, KeyError without kernel_size.
    """
    params = {**fn.params, **fn.params.get("pooling_param", {})}
    params = fn.params.get("convolution_param", params)
    legacy = [name for name in _LEGACY if name in params or name in fn.params]
    if legacy:
        raise AssertionError(f"a crop takes no {legacy[0]}: write kernel_size, stride and pad")
    dilation = _numbers(params.get("dilation", 1))
    kernel = (_numbers(params["kernel_size"]) - 1) * dilation + 1
    stride, pad = _numbers(params.get("stride", 1)), _numbers(params.get("pad", 0))
    return ConvWindow(params.get("axis", 1), stride, kernel, pad)


def crop_params(fn: Function) -> tuple[int, Array]:
    """The axis and the offsets of a Crop layer, with its defaults."""
    params = fn.params.get("crop_param", fn.params)
    return params.get("axis", 2), _numbers(params.get("offset", 0))


def coord_map(fn: Function) -> Map:
    """The map of one layer. UndefinedMapException where it has none."""
    if fn.type_name in PASS_THROUGH_LAYERS:
        return _IDENTITY
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        return axis - 1, 1, -offset
    if fn.type_name not in (*_WINDOWS, "Deconvolution"):
        raise UndefinedMapException(f"coordinates have no map through {fn.type_name}")
    axis, stride, kernel, pad = conv_params(fn)
    if fn.type_name == "Deconvolution":
        return axis, stride, (kernel - 1) / 2 - pad
    return axis, 1 / stride, (pad - (kernel - 1) / 2) / stride


def compose(base_map: Map, next_map: Map) -> Map:
    """One map after another. AxisMismatchException where they are of different axes."""
    axis, scale, shift = base_map
    other, next_scale, next_shift = next_map
    if axis is not None and other is not None and axis != other:
        raise AxisMismatchException(f"one map is of axis {axis}, the next of axis {other}")
    joined = other if axis is None else axis
    return joined, scale * next_scale, scale * next_shift + shift


def inverse(coord_map: Map) -> Map:
    """The way back."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def _mapped_inputs(top: Top) -> tuple[Top, ...]:
    """The inputs whose coordinates a layer's are; a Crop's second gives only its size."""
    inputs: tuple[Top, ...] = top.fn.inputs
    return inputs[:1] if top.fn.type_name == "Crop" else inputs


def _walk(start: Top, until: dict[Top, Map] | None = None) -> dict[Top, Map]:
    """The maps of all tops that one comes from, nearest first; up to the first one of ``until``."""
    found: dict[Top, Map] = {start: _IDENTITY}
    waiting = [start]
    while waiting:
        top = waiting.pop(0)
        if until is not None and top in until:
            return {top: found[top]}
        try:
            step = coord_map(top.fn) if _mapped_inputs(top) else _IDENTITY
        except UndefinedMapException:
            continue
        for bottom in _mapped_inputs(top):
            if bottom not in found:
                found[bottom] = compose(found[top], step)
                waiting.append(bottom)
    return found if until is None else {}


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map of one top to another, over what both come from.

    RuntimeError where nothing joins them, AxisMismatchException where axes differ on the way.
    """
    from_maps = _walk(top_from)
    for top, to_map in _walk(top_to, from_maps).items():
        return compose(to_map, inverse(from_maps[top]))
    what = "there is no map between the tops: no path of spatial layers connects them"
    raise RuntimeError(what)


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer that cuts one top to where another lies in it, and to its size.

    AssertionError where scales differ, or an offset is negative or no whole number.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    scales, shifts = _numbers(scale), _numbers(shift)
    if not (scales == 1).all():
        raise AssertionError(f"scale mismatch on crop (a = {scales}): they must be equal")
    if not (shifts <= 0).all():
        raise AssertionError(f"cannot crop negative offset (b = {shifts})")
    if not (np.round(shifts) == shifts).all():
        raise AssertionError(f"cannot crop noninteger offset (b = {shifts})")
    offset = [int(-n) for n in np.round(shifts)]
    place = {"axis": 2 if axis is None else axis + 1, "offset": offset}
    made: Top = layers.Crop(top_from, top_to, crop_param=place)
    return made
