"""What of an image with true boxes goes where in an item, at random around one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Floats
from protonet.data.random import Random
from protonet.data.truth_file import Truth

_f = np.float32


@dataclass(frozen=True)
class Recipe:
    """How crops are drawn: the item's size, what images are resized to first, and the scales.

    ``scales`` are the least and greatest side of objects, ``aspects`` the least and greatest
    width over height; None leaves them as they are.
    """

    height: int
    width: int
    mirror: bool
    resize: tuple[int, int] | None
    scales: tuple[int, int] | None
    aspects: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class TruthCrop:
    """The steps from an image to its place in an item.

    ``cut`` is left, top, width and height of the part of the resized image that is scaled to
    ``scaled``, height and width; of that what begins at ``source``, row and column, goes to
    ``target``, as large as ``size``. ``boxes`` and ``outside`` are the truth's, in the item.
    """

    truth: Truth
    mirror: bool
    resize: tuple[int, int] | None
    cut: tuple[int, int, int, int] | None
    scaled: tuple[int, int] | None
    source: tuple[int, int]
    target: tuple[int, int]
    size: tuple[int, int]
    boxes: Floats
    outside: Floats


def draw_crop(truth: Truth, recipe: Recipe, random: Random) -> TruthCrop:
    """Draw the crop of an image. Source: ImageGtDataLayer::load_batch of mscnn, in its order."""
    mirror = recipe.mirror and random.draw() % 2 == 1
    sets = [truth.boxes.copy(), truth.outside.copy()]
    width, height = truth.width, truth.height
    if mirror:
        sets = [np.stack([width - s[:, 2], s[:, 1], width - s[:, 0], s[:, 3]], 1) for s in sets]
    if recipe.resize is not None and recipe.resize != (height, width):
        factors = _f(recipe.resize[1]) / _f(width), _f(recipe.resize[0]) / _f(height)
        sets = [_moved(s, factors) for s in sets]
        height, width = recipe.resize
    chosen = random.draw() % len(sets[0]) if len(sets[0]) else None
    center = _center(sets[0], chosen, (height, width), recipe, random)
    factors = _factors(sets[0], chosen, recipe, random)
    cut = scaled = None
    size = _whole(_f(height) * factors[1]), _whole(_f(width) * factors[0])
    if any(factor != _f(1) for factor in factors):
        if max(factors) > 1.5:
            cut = _cut((height, width), center, factors)
            center = _f(center[0] - cut[0]), _f(center[1] - cut[1])
            sets = [_moved(s, (_f(1), _f(1)), (-cut[0], -cut[1])) for s in sets]
            size = _whole(_f(cut[3]) * factors[1]), _whole(_f(cut[2]) * factors[0])
        scaled = size
    sets = [_moved(s, factors) for s in sets]
    noise = [random.draw() % 20 - 10 for _ in range(2)]
    rows = _placed(size[0], recipe.height, center[1] * factors[1], noise[1])
    columns = _placed(size[1], recipe.width, center[0] * factors[0], noise[0])
    shift = columns[1] - columns[0], rows[1] - rows[0]
    boxes, outside = (_moved(s, (_f(1), _f(1)), shift) for s in sets)
    return TruthCrop(
        *(truth, mirror, recipe.resize, cut, scaled),
        *((rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2])),
        *(boxes, outside),
    )


def _moved(
    boxes: Floats, factors: tuple[np.float32, ...], shift: tuple[int, int] = (0, 0)
) -> Floats:
    """Boxes scaled along x and y, then shifted."""
    return boxes * np.array(factors * 2, _f) + np.array(shift * 2, _f)


def _center(
    boxes: Floats,
    chosen: int | None,
    size: tuple[int, int],
    recipe: Recipe,
    random: Random,
) -> tuple[np.float32, np.float32]:
    """The middle of the box chosen, or of a random place; x and y."""
    if chosen is not None:
        x1, y1, x2, y2 = boxes[chosen]
        return _f((x1 + x2) / 2), _f((y1 + y2) / 2)
    found = []
    for length, item in ((size[1], recipe.width), (size[0], recipe.height)):
        middle = length / 2
        if length >= item:
            middle = random.draw() % (length - item + 1) + item / 2
        found.append(_f(middle))
    return found[0], found[1]


def _factors(
    boxes: Floats, chosen: int | None, recipe: Recipe, random: Random
) -> tuple[np.float32, np.float32]:
    """By what an image is scaled along x and y, so that the box chosen has a random scale."""
    if recipe.scales is None or chosen is None or random.draw() % 2 == 0:
        return _f(1), _f(1)
    least, most = recipe.scales
    steps = [i / 2 for i in range(_whole(_f(2) * _f(math.log2(_f(most) / _f(least))) + _f(1)))]
    wide, high = boxes[chosen, 2] - boxes[chosen, 0], boxes[chosen, 3] - boxes[chosen, 1]
    area, best, match = wide * high, _f(0), 0.0
    for step in steps:
        field = _f(least * least * 4**step)
        shared = min(area, field) / max(area, field)
        if shared > best:
            best, match = shared, step
    factor = _f(2.0 ** (steps[random.draw() % len(steps)] - match))
    if recipe.aspects is None or random.draw() % 2 == 0:
        return factor, factor
    interval = _f(0.05)
    choices = aspect_choices(recipe.aspects)
    aspect = _f(random.draw() % choices) * interval + _f(recipe.aspects[0])
    across = random.draw() % 2 == 1
    with np.errstate(all="ignore"):  # a flat box has no aspect
        change = aspect / (wide / high)
        side = wide * factor * change if across else high * factor / change
        if not least * 0.8 <= side <= most * 1.2:
            return factor, factor
        return (factor * change, factor) if across else (factor, factor / change)


def aspect_choices(aspects: tuple[float, float]) -> int:
    """How many aspects there are between two, a twentieth apart."""
    return _whole((_f(aspects[1]) - _f(aspects[0])) / _f(0.05))


def _cut(
    size: tuple[int, int],
    center: tuple[np.float32, np.float32],
    factors: tuple[np.float32, np.float32],
) -> tuple[int, int, int, int]:
    """What of an image around a point is enough when scaled up: left, top, width, height."""
    found = []
    for length, middle, factor in zip(size[::-1], center, factors, strict=True):
        side = min(_whole(1.2 * length / float(factor)), length)
        first = max(_whole(float(middle) - side * 0.5), 0)
        found.append((first - max(first + side - length, 0), side))
    return found[0][0], found[1][0], found[0][1], found[1][1]


def _placed(length: int, item: int, center: np.float32, noise: int) -> tuple[int, int, int]:
    """Where a scaled axis begins in the source and in the item, and how long the part is."""
    if length < item:
        target = _whole((item - length) / 2) + noise
        return 0, min(max(target, 0), item - length), length
    if length == item:
        return 0, 0, item
    source = _whole(center) + noise - _whole(item / 2)
    return min(max(source, 0), length - item), 0, item


def _whole(value: float | np.float32) -> int:
    """To the nearest whole number, halves away from zero, as C does."""
    size = math.floor(abs(float(value)) + 0.5)
    return size if value >= 0 else -size
