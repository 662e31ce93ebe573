"""What FlowNet's forks do to images and flows before they train, against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, numbers, outputs, quick, text_of

import protonet
from protonet import NetError

# The fields of the fork's AugmentationCoeff in their order, those whose default is 1 with a *.
FIELDS = """mirror dx dy angle zoom_x* zoom_y* gamma* brightness contrast* color1* color2* color3*
pow_nomean0* pow_nomean1* pow_nomean2* add_nomean0 add_nomean1 add_nomean2
mult_nomean0* mult_nomean1* mult_nomean2* pow_withmean0* pow_withmean1* pow_withmean2*
add_withmean0 add_withmean1 add_withmean2 mult_withmean0* mult_withmean1* mult_withmean2*
lmult_pow* lmult_add lmult_mult* col_angle fog_amount fog_size motion_blur_angle motion_blur_size
shadow_angle shadow_distance shadow_strength noise"""
NAMES = [word.removesuffix("*") for word in FIELDS.split()]
DEFAULTS = [int(word.endswith("*")) for word in FIELDS.split()]
EIGEN = "chromatic_eigvec: [0.51, 0.56, 0.65, 0.79, 0.01, -0.62, 0.35, -0.83, 0.44]"
BASIS = np.array([0.51, 0.56, 0.65, 0.79, 0.01, -0.62, 0.35, -0.83, 0.44])
KINDS = "uniform, gaussian, bernoulli, uniform_bernoulli, gaussian_bernoulli"
few = settings(quick, max_examples=3)
seeds = st.integers(0, 2**16)


def coefficients(**values):
    """One image's coefficients as their blob holds them: logarithms where the default is 1."""
    found = []
    for name, default in zip(NAMES, DEFAULTS, strict=True):
        value = values.get(name, default)
        found.append(math.log(value) if default == 1 else value)
    return np.array(found)


def moved(values, x, y, size, old):
    """Where a pixel of the crop comes from, step by step as the fork's check of corners goes."""
    sign = -1 if values.get("mirror") else 1
    x1, y1 = sign * (x - size[1] / 2), y - size[0] / 2
    a = values.get("angle", 0)
    x2 = math.cos(a) * x1 - math.sin(a) * y1 + values.get("dx", 0) * size[1]
    y2 = math.sin(a) * x1 + math.cos(a) * y1 + values.get("dy", 0) * size[0]
    return (
        x2 / values.get("zoom_x", 1) + old[1] / 2,
        y2 / values.get("zoom_y", 1) + old[0] / 2,
    )


def cropped(image, values, size):
    h, w = image.shape[1:]
    y = np.zeros((len(image), *size))
    for i, j in np.ndindex(size):
        u, v = moved(values, j, i, size, (h, w))
        u, v = min(max(u, 0), w - 1.05), min(max(v, 0), h - 1.05)
        a, b, r, s = u - int(u), v - int(v), int(v), int(u)
        upper = (1 - a) * image[:, r, s] + a * image[:, r, s + 1]
        lower = (1 - a) * image[:, r + 1, s] + a * image[:, r + 1, s + 1]
        y[:, i, j] = (1 - b) * upper + b * lower
    return y


def drawn(seed):
    draw = np.random.default_rng(seed)
    return {
        "mirror": float(draw.integers(0, 2)),
        "angle": draw.normal() * 0.3,
        "dx": draw.normal() * 0.1,
        "dy": draw.normal() * 0.1,
        "zoom_x": math.exp(draw.normal() * 0.2),
        "zoom_y": math.exp(draw.normal() * 0.2),
    }


def augmented(images, each, fields, size=(4, 6)):
    """The images (n, c, h, w) by these coefficients, through the layer."""
    text = f"augmentation_param {{ crop_height: {size[0]} crop_width: {size[1]} {fields} }}"
    n = len(images)
    net = compiled("DataAugmentation", text, [images.shape, (n, 42, 1, 1)])
    how = np.stack([coefficients(**values) for values in each])[:, :, None, None]
    return outputs(net, images, how)[0]


@few
@given(seeds)
def test_crops_are_moved(seed):
    images = np.random.default_rng(seed).random((2, 3, 7, 9))
    each = [drawn(seed), drawn(seed + 1)]
    wanted = [cropped(x, values, (4, 6)) for x, values in zip(images, each, strict=True)]
    close(augmented(images, each, "max_multiplier: 1"), np.stack(wanted))


def test_a_crop_without_coefficients_is_the_middle():
    images = numbers(0, (1, 3, 8, 10))
    net = compiled(
        "DataAugmentation", "augmentation_param { crop_height: 4 crop_width: 6 }", [images.shape]
    )
    close(outputs(net, images)[0], images[:, :, 2:6, 2:8])


@few
@given(seeds)
def test_colours(seed):
    draw = np.random.default_rng(seed)
    image = draw.random((1, 3, 5, 7))
    values = {
        "gamma": math.exp(draw.normal() * 0.2),
        "brightness": draw.normal() * 0.1,
        "contrast": math.exp(draw.normal() * 0.2),
        **{f"color{i}": math.exp(draw.normal() * 0.2) for i in (1, 2, 3)},
    }
    y = cropped(image[0], {}, (4, 6))
    for i, j in np.ndindex(4, 6):
        rgb = y[:, i, j] * [values[f"color{k}"] for k in (1, 2, 3)]
        rgb = np.clip(rgb * (y[:, i, j].sum() / (rgb.sum() + 0.01)), 0, 1)
        rgb = rgb ** values["gamma"] + values["brightness"]
        y[:, i, j] = np.clip(0.5 + (rgb - 0.5) * values["contrast"], 0, 1)
    close(augmented(image, [values], "max_multiplier: 1")[0], y)


def along(rgb, before, values):
    """A pixel's colour changed along the eigenvectors, as the fork's kernel goes."""
    basis = BASIS.reshape(3, 3)
    most = np.abs(np.einsum("ij,njhw->nihw", basis, before)).max((0, 2, 3))
    middle = before.mean((0, 2, 3))
    longest = math.sqrt((most**2).sum())
    eig = basis @ (rgb - middle) / most
    for c in range(3):
        power, add, factor = (values[f"{k}_nomean{c}"] for k in ("pow", "add", "mult"))
        eig[c] = (math.copysign(abs(eig[c]) ** power, eig[c]) + add) * factor
    eig = eig + basis @ middle / most
    power, add, factor = (values[f"{k}_withmean0"] for k in ("pow", "add", "mult"))
    eig[0] = (math.copysign(abs(eig[0]) ** power, eig[0]) + add) * factor
    s = s1 = math.hypot(eig[1], eig[2])
    if s > 1e-2:
        power, add, factor = (values[f"{k}_withmean1"] for k in ("pow", "add", "mult"))
        s1 = max(s**power + add, 0) * factor
    cos, sin = math.cos(values["col_angle"]), math.sin(values["col_angle"])
    eig[1], eig[2] = cos * eig[1] - sin * eig[2], sin * eig[1] + cos * eig[2]
    eig = eig * most
    light = math.sqrt((eig**2).sum()) / longest
    if s > 1e-2:
        eig[1:] = eig[1:] / s * s1
    length = math.sqrt((eig**2).sum())
    light = max(light ** values["lmult_pow"] + values["lmult_add"], 0) * values["lmult_mult"]
    if length > 1e-2:
        eig = np.minimum(eig / length * light * longest, most)
    return np.clip(basis.T @ eig, 0, 1)


@few
@given(seeds)
def test_colours_along_eigenvectors(seed):
    draw = np.random.default_rng(seed)
    images = draw.random((2, 3, 5, 7))
    each = []
    for _ in range(2):
        values = {}
        for name, default in zip(NAMES[12:34], DEFAULTS[12:34], strict=True):
            values[name] = math.exp(draw.normal() * 0.2) if default else draw.normal() * 0.1
        each.append(values)
    wanted = np.stack([cropped(x, {}, (4, 6)) for x in images])
    for n, i, j in np.ndindex(2, 4, 6):
        wanted[n, :, i, j] = along(wanted[n, :, i, j], images, each[n])
    close(augmented(images, each, f"max_multiplier: 1 {EIGEN}"), wanted, rtol=1e-5)


def test_a_shadow_and_noise():
    image = np.full((1, 3, 5, 7), 0.5)
    values = {"shadow_angle": 0.4, "shadow_distance": 1.0, "shadow_strength": 0.3}
    y = np.full((3, 4, 6), 0.5)
    for i, j in np.ndindex(4, 6):
        beyond = (j - 3) * math.cos(0.4) + (i - 2) * math.sin(0.4) - 1 > 0
        y[:, i, j] -= 0.3 * beyond
    close(augmented(image, [values], "max_multiplier: 1")[0], y)
    torch.manual_seed(0)
    image = np.full((1, 3, 60, 70), 0.5)
    noisy = augmented(image, [{"noise": 0.1}], "max_multiplier: 1", (50, 60)) - 0.5
    assert abs(noisy.mean()) < 0.005
    assert abs(noisy.std() - 0.1) < 0.005


def layer(fields, shape=(2000, 3, 7, 9)):
    text = f"augmentation_param {{ crop_height: 2 crop_width: 2 {fields} }}"
    return compiled("DataAugmentation", text, [shape], tops=2, phase="TRAIN")


def drawn_by(net, name, shape=(2000, 3, 7, 9)):
    torch.manual_seed(1)
    how = net(torch.rand(shape, dtype=torch.float64))["t1"][:, NAMES.index(name), 0, 0]
    return how.numpy()


def test_coefficients_have_their_distributions():
    uniform = 'rotate { rand_type: "uniform" mean: 0.1 spread: 0.3 }'
    angles = drawn_by(layer(uniform), "angle")
    assert -0.2 <= angles.min() < -0.19
    assert 0.39 < angles.max() <= 0.4
    assert abs(angles.std() - 0.6 / math.sqrt(12)) < 0.01
    normal = 'zoom { rand_type: "gaussian_bernoulli" exp: true mean: 0.2 spread: 0.1 prob: 0.5 }'
    zooms = drawn_by(layer(normal), "zoom_x")
    assert abs((zooms == 0).mean() - 0.5) < 0.05
    assert abs(zooms[zooms != 0].mean() - 0.2) < 0.01
    assert abs(zooms[zooms != 0].std() - 0.1) < 0.01
    mirrors = drawn_by(layer('mirror { rand_type: "bernoulli" prob: 0.25 }'), "mirror")
    assert set(mirrors) == {0, 1}
    assert abs(mirrors.mean() - 0.25) < 0.05
    counts = 'brightness { rand_type: "uniform" spread: 2.4 discretize: true multiplier: 0.5 }'
    assert set(drawn_by(layer(counts), "brightness")) == {-1, -0.5, 0, 0.5, 1}


def test_what_is_not_drawn_stays_as_it_is():
    """A shadow that is not drawn is none, also through exp; noise has no such default there."""
    told = '{ rand_type: "uniform_bernoulli" exp: true prob: 0 }'
    shadow = drawn_by(
        layer(f"shadow_strength {told}", (9, 3, 7, 9)), "shadow_strength", (9, 3, 7, 9)
    )
    noise = drawn_by(layer(f"noise {told}", (9, 3, 7, 9)), "noise", (9, 3, 7, 9))
    assert (shadow == 0).all()
    assert (noise == 1).all()


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_mirror_has_no_share_of_a_spread_by_its_schedule(scheduled):
    told = f'rand_type: "uniform" spread: 0.5 apply_schedule: {str(scheduled).lower()}'
    mirrors = drawn_by(layer(f"mirror {{ {told} }}", (9, 3, 7, 9)), "mirror", (9, 3, 7, 9))
    assert (mirrors == (not scheduled)).all()


def test_a_spread_grows_by_its_schedule():
    schedule = "coeff_schedule_param { half_life: 1 initial_coeff: 0.5 final_coeff: 1 }"
    text = "augmentation_param { crop_height: 2 crop_width: 2 "
    text += 'rotate { rand_type: "uniform" spread: 0.2 } }'
    shape = (500, 3, 7, 9)
    net = compiled("DataAugmentation", f"{schedule} {text}", [shape], tops=2, phase="TRAIN")
    for step in (1, 2, 3):
        share = 0.5 + 0.5 * (2 / (1 + math.exp(-1.0986 * step)) - 1)
        angles = drawn_by(net, "angle", shape)
        assert 0.97 < np.abs(angles).max() / (0.2 * share) <= 1 + 1e-6


def test_crops_stay_inside_of_the_image():
    shape, size = (200, 3, 7, 9), (4, 6)
    fields = "augmentation_param { crop_height: 4 crop_width: 6 "
    fields += 'translate { rand_type: "uniform" spread: 0.3 } '
    fields += 'rotate { rand_type: "uniform" spread: 0.5 } }'
    net = compiled("DataAugmentation", fields, [shape], tops=2, phase="TRAIN")
    torch.manual_seed(3)
    how = net(torch.rand(shape, dtype=torch.float64))["t1"][:, :, 0, 0].numpy()
    assert (how[:, 1] != 0).mean() > 0.9
    for row in how:
        values = dict(zip(NAMES, row, strict=True)) | {"zoom_x": 1, "zoom_y": 1}
        for x, y in ((0, 0), (0, 3), (5, 0), (5, 3)):
            u, v = moved(values, x, y, size, shape[2:])
            assert 0 <= math.floor(u) <= 7
            assert 0 <= math.floor(v) <= 5


def test_generated_coefficients_are_near_the_given_ones():
    shape = (300, 3, 7, 9)
    shapes = [(300, 42, 1, 1), shape, (300, 3, 2, 2)]
    given_ = np.stack([coefficients(angle=0.2, gamma=1.5)] * 300)[:, :, None, None]
    fields = 'rotate { rand_type: "gaussian" spread: 0.05 } '
    fields += 'gamma { rand_type: "gaussian" exp: true spread: 0.1 }'
    for mode, angle, gamma in (
        ("add", 0.2, math.log(1.5)),
        ("replace", 0, 0),
        ("regenerate", 0, 0),
    ):
        text = f'augmentation_param {{ mode: "{mode}" {fields} }}'
        net = compiled("GenerateAugmentationParameters", text, shapes, phase="TRAIN")
        torch.manual_seed(2)
        how = outputs(net, given_, np.zeros(shape), np.zeros((300, 3, 2, 2)))[0][:, :, 0, 0]
        for name, mean, std in (("angle", angle, 0.05), ("gamma", gamma, 0.1)):
            values = how[:, NAMES.index(name)]
            assert abs(values.mean() - mean) < 0.02
            assert abs(values.std() - std) < 0.02
    net = compiled("GenerateAugmentationParameters", text, shapes, phase="TEST")
    assert not outputs(net, given_, np.zeros(shape), np.zeros((300, 3, 2, 2)))[0].any()


@few
@given(seeds)
def test_flow_between_crops(seed):
    flow = numbers(seed, (2, 2, 9, 11))
    first, second = drawn(seed), drawn(seed + 1)
    first["zoom_x"] = first["zoom_y"] = 2.0
    first["dx"] = first["dy"] = 0.0
    how = [np.stack([coefficients(**v)] * 2)[:, :, None, None] for v in (first, second)]
    text = "augmentation_param { crop_height: 4 crop_width: 6 }"
    net = compiled("FlowAugmentation", text, [flow.shape, (2, 42, 1, 1), (2, 42, 1, 1)])
    y = outputs(net, flow, *how)[0]
    for n, i, j in np.ndindex(2, 4, 6):
        u, v = moved(first, j, i, (4, 6), (9, 11))
        du, dv = flow[n, :, int(v + 0.5), int(u + 0.5)]
        there = np.array([j, i]) + y[n, :, i, j]  # the crop's pixel that shows that place
        np.testing.assert_allclose(
            moved(second, *there, (4, 6), (9, 11)), (u + du, v + dv), rtol=1e-5
        )


def test_the_mean_of_the_first_batches_is_learned():
    text = "augmentation_param { recompute_mean: 2 mean_per_pixel: false }"
    net = compiled("DataAugmentation", text, [(2, 3, 4, 5)])
    batches = [numbers(i, (2, 3, 4, 5)) for i in range(3)]
    means = []
    for count, x in enumerate(batches, 1):
        means.append(x.mean((0, 2, 3))) if count <= 2 else None
        mean = np.mean(means, 0).reshape(1, 3, 1, 1)
        close(outputs(net, x)[0], x - mean)
    count, pixels, channels = protonet.dump_blobs(net)["l"]
    assert count.item() == 3
    close(channels, mean, rtol=1e-5)
    close(pixels, np.mean([b.mean(0, keepdims=True) for b in batches[:2]], 0), rtol=1e-5)


def test_the_mean_of_a_caffemodel_of_another_size_is_that_of_its_channels():
    text = "augmentation_param { recompute_mean: 2 mean_per_pixel: false }"
    net = compiled("DataAugmentation", text, [(1, 3, 4, 5)])
    channels = np.array([1.0, 2, 3]).reshape(1, 3, 1, 1)
    pixels = channels + numbers(0, (1, 3, 2, 2))
    blobs = [np.full((1, 1, 1, 1), 9.0), pixels, channels]
    protonet.load_blobs(net, {"l": blobs})
    x = numbers(1, (1, 3, 4, 5))
    close(outputs(net, x)[0], x - channels)
    with pytest.raises(NetError, match="blob 1 has the shape 1x4x2x2"):
        protonet.load_blobs(net, {"l": [blobs[0], np.zeros((1, 4, 2, 2)), channels]})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("crop_width: 20 crop_height: 2", "crop_width 20 is more than the image's 9"),
        (
            'crop_width: 2 crop_height: 2 gamma { rand_type: "normal" }',
            f"rand_type is one of {KINDS}, not 'normal'",
        ),
        (
            "crop_width: 2 crop_height: 2 fog_size { }",
            "fog_size is drawn in the fork, but changes no image there",
        ),
        (
            "crop_width: 2 crop_height: 2 lmult_pow { }",
            "colours are changed along chromatic_eigvec, which is not there",
        ),
    ],
)
def test_refusals(fields, told):
    text = text_of("DataAugmentation", f"augmentation_param {{ {fields} }}", [(1, 3, 7, 9)])
    (problem,) = protonet.check(text)
    assert problem.message == f"layer 'l' (DataAugmentation): {told}"
