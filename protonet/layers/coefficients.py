"""The coefficients by which FlowNet's forks change images and flows alike: drawn, and applied.

Each image has 42, of which those that multiply are kept as logarithms, so that adding joins two.
Source: FlowNet2's AugmentationLayerBase and caffe_rng_generate.
"""

from __future__ import annotations

import math

from protonet.layers.base import LayerError, Shape
from protonet.program import single, torch
from protonet.schema.pool import Message

NAMES = (
    *("mirror", "dx", "dy", "angle", "zoom_x", "zoom_y"),
    *("gamma", "brightness", "contrast", "color1", "color2", "color3"),
    *("pow_nomean0", "pow_nomean1", "pow_nomean2", "add_nomean0", "add_nomean1", "add_nomean2"),
    *("mult_nomean0", "mult_nomean1", "mult_nomean2", "pow_withmean0", "pow_withmean1"),
    *("pow_withmean2", "add_withmean0", "add_withmean1", "add_withmean2", "mult_withmean0"),
    *("mult_withmean1", "mult_withmean2", "lmult_pow", "lmult_add", "lmult_mult", "col_angle"),
    *("fog_amount", "fog_size", "motion_blur_angle", "motion_blur_size", "shadow_angle"),
    *("shadow_distance", "shadow_strength", "noise"),
)
COUNT = len(NAMES)
# Places of the coefficients that each field draws, +1 or -1 times; a comma parts single draws.
SPATIAL = {
    "mirror": "mirror",
    "translate": "dx, dy",
    "translate_x": "dx",
    "translate_y": "dy",
    "rotate": "angle",
    "zoom": "zoom_x zoom_y",
    "squeeze": "zoom_x -zoom_y",
}
OTHERS = {
    "gamma": "gamma",
    "brightness": "brightness",
    "contrast": "contrast",
    "color": "color1, color2, color3",
    "ladd_pow": "pow_nomean0",
    "col_pow": "pow_nomean1, pow_nomean2",
    "ladd_add": "add_nomean0",
    "col_add": "add_nomean1, add_nomean2",
    "ladd_mult": "mult_nomean0",
    "col_mult": "mult_nomean1, mult_nomean2",
    "sat_pow": "pow_withmean1 pow_withmean2",
    "sat_add": "add_withmean1 add_withmean2",
    "sat_mult": "mult_withmean1 mult_withmean2",
    "lmult_pow": "lmult_pow",
    "lmult_mult": "lmult_mult",
    "lmult_add": "lmult_add",
    "col_rotate": "col_angle",
    "shadow_angle": "shadow_angle",
    "shadow_distance": "shadow_distance",
    "shadow_strength": "shadow_strength",
    "noise": "noise",
}
_UNSEEN = ("fog_amount", "fog_size", "motion_blur_angle", "motion_blur_size")
_KINDS = ("uniform", "gaussian", "bernoulli", "uniform_bernoulli", "gaussian_bernoulli")
Distribution = tuple[str, float, float, float, bool, bool, float, bool, list[int]]


def draws_of(parameter: Message, fields: dict[str, str]) -> list[Distribution]:
    """What is drawn for each image: kind, mean, spread, probability, and how it is taken.

    LayerError where a distribution is none, or is drawn in the fork and then not applied.
    """
    found: list[Distribution] = []
    for name in _UNSEEN if fields is OTHERS else ():
        if parameter.HasField(name):
            what = f"{name} is drawn in the fork, but changes no image there"
            raise LayerError(what, "augmentation_param", name, hint="take it out")
    for name, targets in fields.items():
        if parameter.HasField(name):
            found += [
                _draw(name, getattr(parameter, name), t, parameter) for t in targets.split(", ")
            ]
    return [draw for draw in found if draw[-1]]


def _draw(name: str, given: Message, target: str, parameter: Message) -> Distribution:
    if given.rand_type not in _KINDS:
        what = f"rand_type is one of {', '.join(_KINDS)}, not {given.rand_type!r}"
        raise LayerError(what, "augmentation_param", name, "rand_type")
    # A shift along one axis takes the place of that along both.
    replaced = name == "translate" and parameter.HasField(f"translate_{target[1:]}")
    places = [] if replaced else [_place(word) for word in target.split()]
    # The fork's share of a mirror's spread is 0, and what is not drawn is left as it is by default
    # where it moves or darkens.
    scheduled = name == "mirror" and given.apply_schedule
    spread = 0.0 if scheduled else max(0.0, single(given.spread))
    keeps = (name in SPATIAL and name != "mirror") or name.startswith("shadow")
    return (
        given.rand_type,
        single(given.mean),
        spread if given.apply_schedule else -spread,
        single(given.prob),
        bool(given.exp),
        bool(given.discretize),
        single(given.multiplier),
        keeps,
        places,
    )


def _place(word: str) -> int:
    """A coefficient's number, from 1 on, negative where the draw counts the other way."""
    number = NAMES.index(word.removeprefix("-")) + 1
    return -number if word[0] == "-" else number


def check_eigenvectors(parameter: Message, channels: int) -> None:
    """LayerError where colours are to be changed that the images have not."""
    if channels != 3 and any(parameter.HasField(name) for name in OTHERS):
        what = f"colours are changed in images of 3 channels, not {channels}"
        raise LayerError(what, "bottom", 0)
    given = len(parameter.chromatic_eigvec)
    if given not in (0, 9):
        what = f"chromatic_eigvec has 9 numbers, not {given}"
        raise LayerError(what, "augmentation_param", "chromatic_eigvec", given - 1)


def check_crop(parameter: Message, size: Shape) -> None:
    """LayerError where a crop is larger than the image."""
    for name, side in (("crop_height", size[0]), ("crop_width", size[1])):
        if getattr(parameter, name) > side:
            what = f"{name} {getattr(parameter, name)} is more than the image's {side}"
            raise LayerError(what, "augmentation_param", name)


def multiplies(like: torch.Tensor) -> torch.Tensor:
    """1 for each coefficient that multiplies, whose default is 1, else 0."""
    found = like.new_zeros(42)
    for first, last in ((4, 6), (8, 14), (18, 23), (27, 30), (32, 32)):
        found[first : last + 1] = 1
    return found


def drawn_coefficients(
    like: torch.Tensor,
    draws: list[tuple[str, float, float, float, bool, bool, float, bool, list[int]]],
    share: float,
) -> torch.Tensor:
    """Coefficients (n, 42) of their distributions, a spread above 0 times its share."""
    n = len(like)
    found, logged = like.new_zeros(n, 42), multiplies(like)
    for kind, mean, spread, prob, exponent, whole, factor, keeps, places in draws:
        width = spread * share if spread > 0 else -spread
        noise = torch.randn(n) if kind.startswith("gaussian") else 2 * torch.rand(n) - 1
        value = (mean + width * noise).to(like)
        taken = (torch.rand(n) < prob).to(like.device)
        if kind == "bernoulli":
            value = taken.to(like.dtype)
        elif kind.endswith("bernoulli"):
            value = torch.where(taken, value, 0)
        value = value.exp() if exponent and kind != "bernoulli" else value
        value = value.sign() * (value.abs() + 0.5).floor() if whole else value
        value = value * factor
        for place in places:
            index = abs(place) - 1
            one = value.log() if logged[index] else value
            one = (one != 0).to(like.dtype) if index == 0 else one
            left_out = keeps and kind.endswith("_bernoulli")
            one = torch.where(taken, one, 0) if left_out else one
            found[:, index] += one if place > 0 else -one
    return found


def values_of(coefficients: torch.Tensor, kept: bool = False) -> torch.Tensor:
    """The coefficients as they count; what is next to its default is it, unless kept."""
    logged = multiplies(coefficients)
    values = torch.where(logged == 1, coefficients.exp(), coefficients)
    near = (values - logged).abs() < 1e-3
    return values if kept else torch.where(near, logged, values)


def affine_of(
    values: torch.Tensor,
    size: tuple[int, int],
    old: tuple[int, int],
) -> torch.Tensor:
    """Where the pixels (x, y, 1) of a crop come from, (n, 2, 3), by the values of coefficients."""
    height, width = size
    mirror, dx, dy, angle, zoom_x, zoom_y = values[:, :6].unbind(1)
    flip = torch.where(mirror != 0, -1, 1)
    cos, sin = angle.cos(), angle.sin()
    left, up = -flip * width / 2, torch.full_like(cos, -height / 2)
    x = torch.stack([cos * flip, -sin, cos * left - sin * up + dx * width], 1)
    y = torch.stack([sin * flip, cos, sin * left + cos * up + dy * height], 1)
    moved = torch.stack([x / zoom_x[:, None], y / zoom_y[:, None]], 1)
    middle = moved.new_tensor([old[1] / 2, old[0] / 2])
    moved[:, :, 2] += middle
    return moved


def inside_coefficients(
    given: torch.Tensor,
    draws: list[tuple[str, float, float, float, bool, bool, float, bool, list[int]]],
    share: float,
    size: tuple[int, int],
    old: tuple[int, int],
) -> torch.Tensor:
    """Coefficients with drawn ones added whose crop is inside of the image; else as given."""
    found, open_ = given.clone(), torch.ones(len(given), dtype=torch.bool)
    down, right = size[0] - 1, size[1] - 1
    corners = [[0, 0, 1], [0, down, 1], [right, 0, 1], [right, down, 1]]
    ends = given.new_tensor(corners).t()
    limit = given.new_tensor([old[1] - 2, old[0] - 2])
    for _ in range(49):
        trial = given + drawn_coefficients(given, draws, share)
        places = affine_of(values_of(trial, True), size, old) @ ends
        places = places.floor()
        good = ((places >= 0) & (places <= limit[:, None])).all(2).all(1)
        taken = open_.to(given.device) & good
        found = torch.where(taken[:, None], trial, found)
        open_ &= ~good.cpu()
        if not open_.any():
            break
    return found


def share_of(step: int, initial: float, final: float, half_life: float) -> float:
    """How much of its spread a distribution has at a step of the schedule."""
    risen = 2 / (1 + math.exp(-1.0986 * step / half_life)) - 1
    return initial + (final - initial) * risen
