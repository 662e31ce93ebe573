"""Arithmetic in a row as one layer: sums of sums, and numbers that multiply and add."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Array
from protonet.lifting.draft import Draft, NewLayer, new_message
from protonet.lifting.trace import name_of
from protonet.lifting.values import NewBlob

_SUM = 1


def join_arithmetic(draft: Draft) -> bool:
    """One layer for two where nothing else reads what is between; whether there were any."""
    changed = False
    while _join_one(draft):
        changed = True
    return changed


def _join_one(draft: Draft) -> bool:
    counts: dict[int, int] = {id(blob): 2 for blob in (*draft.outputs, *draft.inputs)}
    for layer in draft.layers:
        for bottom in layer.bottoms:
            counts[id(bottom)] = counts.get(id(bottom), 0) + 1
    makers = {id(top): layer for layer in draft.layers for top in layer.tops}
    for layer in draft.layers:
        if layer.type == "Power" and _line(layer) == (1.0, 0.0):
            return _drop(draft, layer)
        for bottom in layer.bottoms:
            before = makers.get(id(bottom))
            if before is None or counts[id(bottom)] > 1:
                continue
            joined = (
                _of_sums(before, layer) or _of_powers(before, layer) or _of_lines(before, layer)
            )
            if joined is not None:
                _put(draft, before, layer, joined)
                return True
    return False


def _put(draft: Draft, before: NewLayer, layer: NewLayer, joined: NewLayer) -> None:
    (between,) = before.tops
    draft.layers[draft.layers.index(layer)] = joined
    draft.layers.remove(before)
    draft.values = {node: blob for node, blob in draft.values.items() if blob is not between}


def _drop(draft: Draft, layer: NewLayer) -> bool:
    """Leave out a layer that changes nothing."""
    (bottom,), (top,) = layer.bottoms, layer.tops
    draft.layers.remove(layer)
    draft.replace(top, bottom)
    return True


def _made(layer: NewLayer, kind: str, bottoms: list[NewBlob], **fields: object) -> NewLayer:
    message = new_message(kind, {k: v for k, v in fields.items() if v is not None})
    return NewLayer(message, bottoms, layer.tops, [], layer.path, layer.node)


def _of_sums(before: NewLayer, layer: NewLayer) -> NewLayer | None:
    """A sum of a sum, a product of a product, the largest of the largest."""
    if before.type != "Eltwise" or layer.type != "Eltwise":
        return None
    operation = layer.message.eltwise_param.operation
    if before.message.eltwise_param.operation != operation:
        return None
    bottoms: list[NewBlob] = []
    coefficients: list[float] = []
    for bottom, own in zip(layer.bottoms, _coefficients(layer), strict=True):
        inner = bottom is before.tops[0]
        bottoms += before.bottoms if inner else [bottom]
        coefficients += [own * each for each in _coefficients(before)] if inner else [own]
    plain = operation != _SUM or all(each == 1 for each in coefficients)
    name = None if operation == _SUM else ("PROD", "SUM", "MAX")[operation]
    coeff = None if plain else coefficients
    return _made(layer, "Eltwise", bottoms, operation=name, coeff=coeff)


def _coefficients(layer: NewLayer) -> list[float]:
    return list(layer.message.eltwise_param.coeff) or [1.0] * len(layer.bottoms)


def _of_powers(before: NewLayer, layer: NewLayer) -> NewLayer | None:
    """A line, then a power of one."""
    line = _line(before)
    if before.type != "Power" or layer.type != "Power" or not isinstance(line, tuple):
        return None
    own, (a, b) = layer.message.power_param, line
    scale, shift = own.scale * float(a), own.scale * float(b) + own.shift
    return _power(layer, before.bottoms, scale, shift, own.power)


def _of_lines(before: NewLayer, layer: NewLayer) -> NewLayer | None:
    """What multiplies and adds numbers, then again: Scale, or Bias, or Power."""
    first, second = _line(before), _line(layer)
    if first is None or second is None or {before.type, layer.type} == {"Power"}:
        return None
    places = {_place(each) for each in (before, layer) if each.type != "Power"}
    if len(places) > 1 or not _keeps_trained(before, layer):
        return None
    (axis, axes), (a, b), (c, d) = places.pop(), first, second
    weight, bias = np.multiply(a, c), np.add(np.multiply(c, b), d)
    trained = before.is_trained or layer.is_trained
    if not trained and np.all(weight == weight.flat[0]) and np.all(bias == bias.flat[0]):
        return _power(layer, before.bottoms, float(weight.flat[0]), float(bias.flat[0]), 1)
    shape = np.broadcast_shapes(weight.shape, bias.shape)
    place = {"axis": None if axis == 1 else axis, "num_axes": None if axes == 1 else axes}
    blobs = [np.broadcast_to(each, shape).astype(np.float32) for each in (weight, bias)]
    if not trained and np.all(weight == 1):
        joined = _made(layer, "Bias", before.bottoms, **place)
        joined.blobs = blobs[1:]
        return joined
    biased = trained or bool(np.any(bias != 0))
    joined = _made(layer, "Scale", before.bottoms, bias_term=biased or None, **place)
    joined.blobs = blobs if biased else blobs[:1]
    joined.states, joined.is_trained = before.states + layer.states, trained
    return joined


def _keeps_trained(before: NewLayer, layer: NewLayer) -> bool:
    """Whether a parameter that is trained would stay, to the bit: Scale and its own bias do."""
    if not before.is_trained and not layer.is_trained:
        return True
    if before.type != "Scale" or layer.type != "Bias":
        return False
    return len(before.blobs) == 1 and before.blobs[0].shape == layer.blobs[0].shape


def _power(
    layer: NewLayer, bottoms: list[NewBlob], scale: float, shift: float, power: float
) -> NewLayer:
    given = {"power": (power, 1), "scale": (scale, 1), "shift": (shift, 0)}
    stated = {name: value for name, (value, plain) in given.items() if value != plain}
    return _made(layer, "Power", bottoms, **stated)


def _line(layer: NewLayer) -> tuple[Array | float, Array | float] | None:
    """What a layer multiplies by and adds, None where it does another thing or learns a norm's."""
    if layer.type == "Power":
        own = layer.message.power_param
        return (own.scale, own.shift) if own.power == 1 else None
    if len(layer.bottoms) != 1 or layer.type not in ("Scale", "Bias"):
        return None
    if "norm" in name_of(layer.node):
        return None
    if layer.type == "Bias":
        return 1.0, np.asarray(layer.blobs[0], np.float64)
    weight, *bias = (np.asarray(blob, np.float64) for blob in layer.blobs)
    return weight, bias[0] if bias else 0.0


def _place(layer: NewLayer) -> tuple[int, int]:
    own = layer.message.scale_param if layer.type == "Scale" else layer.message.bias_param
    return own.axis, own.num_axes
