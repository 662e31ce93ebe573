"""Arrays from Caffe's fillers, for DummyData."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from protonet.arrays import Floats
from protonet.data.definition import Definition
from protonet.data.random import Random
from protonet.schema.filler import filler_problem
from protonet.schema.pool import Message
from protonet.shape import Shape


def check_filler(
    definition: Definition, filler: Message, shape: Shape, field: tuple[str | int, ...]
) -> None:
    """NetError where Caffe would refuse a FillerParameter for a blob of that shape."""
    problem = filler_problem(filler, shape)
    if problem is None and filler.type not in _FILLED:
        problem = f"the {filler.type} filler is for the weights of layers", "type", None
    if problem:
        what, where, hint = problem
        raise definition.error(what, *field, where, hint=hint)


def filled(filler: Message, shape: Shape, random: Random) -> Floats:
    """A new array from a FillerParameter. Source: Caffe's filler.hpp."""
    return _FILLED[filler.type](filler, shape, random)


def _constant(filler: Message, shape: Shape, _random: Random) -> Floats:
    return np.full(shape, filler.value, np.float32)


def _uniform(filler: Message, shape: Shape, random: Random) -> Floats:
    return _between(random, filler.min, filler.max, shape)


def _xavier(filler: Message, shape: Shape, random: Random) -> Floats:
    bound = math.sqrt(3 / _fan(filler, shape))
    return _between(random, -bound, bound, shape)


def _msra(filler: Message, shape: Shape, random: Random) -> Floats:
    normal = random.normal(1, math.prod(shape)).reshape(shape)
    return np.asarray(normal * filler.scale * math.sqrt(2 / _fan(filler, shape)), np.float32)


def _positive_unitball(_filler: Any, shape: Shape, random: Random) -> Floats:
    rows = _between(random, 0, 1, shape).reshape(shape[0] if shape else 1, -1)
    return np.asarray(rows / rows.sum(1, keepdims=True)).reshape(shape)


def _between(random: Random, low: float, high: float, shape: Shape) -> Floats:
    share = random.raw(math.prod(shape)) / float(1 << 32)
    return np.asarray(low + (high - low) * share, np.float32).reshape(shape)


def _gaussian(filler: Message, shape: Shape, random: Random) -> Floats:
    """Normal numbers; with ``sparse`` about that many non-zero ones for each output."""
    count = math.prod(shape)
    values = filler.mean + filler.std * random.normal(1, count).reshape(shape)
    if filler.sparse >= 0:
        share = min(1.0, filler.sparse / max(1, shape[0] if shape else 1))
        values = values * (random.raw(count).reshape(shape) < share * float(1 << 32))
    return np.asarray(values, np.float32)


def _fan(filler: Message, shape: Shape) -> float:
    """The n of variance_norm: fan-in, fan-out, or their mean."""
    count = math.prod(shape)
    first, second = (*shape, 1, 1)[:2]
    fan_in, fan_out = count / max(1, first), count / max(1, second)
    return max(1.0, (fan_in, fan_out, (fan_in + fan_out) / 2)[filler.variance_norm])


def _bilinear(_filler: Any, shape: Shape, _random: Random) -> Floats:
    factor = math.ceil(shape[3] / 2)
    ramp = 1 - np.abs(np.arange(shape[3]) / factor - (shape[3] - 1) / (2 * factor))
    return np.broadcast_to(np.outer(ramp, ramp), shape).astype(np.float32)


_FILLED = {
    "constant": _constant,
    "gaussian": _gaussian,
    "uniform": _uniform,
    "xavier": _xavier,
    "msra": _msra,
    "bilinear": _bilinear,
    "positive_unitball": _positive_unitball,
}
