"""DetectNet's images and grids against OpenCV and numpy, and its draws by their moments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_detectnet import net_of

from protonet import NetError

cv2 = pytest.importorskip("cv2")

quick = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
SIZE, WIDE, HIGH, STRIDE = (64, 48), 70, 50, 16


MEAN = "mean_value: 104 mean_value: 117 mean_value: 123"


def layer(ground="", augment="", mean=MEAN, stride=STRIDE):
    fields = f"stride: {stride} image_size_x: {SIZE[0]} image_size_y: {SIZE[1]} {ground}"
    return (
        f'type: "DetectNetTransformation" detectnet_groundtruth_param {{ {fields} }} '
        f"detectnet_augmentation_param {{ {augment} }} transform_param {{ {mean} }}"
    )


def made(text, phase="TRAIN"):
    return net_of(text, [(1, 3, HIGH, WIDE), (1, 1, 8, 16)], 2, phase=phase)


def drawn_boxes(draw, count):
    blob = np.zeros((1, 1, 8, 16), np.float32)
    blob[0, 0, 0, :2] = count, 16
    blob[0, 0, 1:, :2] = draw.uniform(-10, 55, (7, 2))
    blob[0, 0, 1:, 2:4] = draw.uniform(2, 40, (7, 2))
    blob[0, 0, 1:, 5] = draw.integers(0, 4, 7)
    return blob


def turned(size, degrees):
    """OpenCV's affine matrix and its size, as NVIDIA's layer asks for them."""
    middle = (size[0] / 2, size[1] / 2)
    box = cv2.boxPoints((middle, size, degrees))
    low = np.floor(box.min(0))
    there = cv2.boxPoints((tuple(np.float64(middle) - low), size, degrees))
    matrix = cv2.getAffineTransform(cv2.boxPoints((middle, size, 0))[:3], there[:3])
    around = cv2.boxPoints(((size[0] // 2, size[1] // 2), size, degrees))
    bound = np.ceil(around.max(0)) - np.floor(around.min(0)) + 1
    return matrix, (int(bound[0]), int(bound[1]))


def transformed(image, hue, saturation, flip, size, degrees, corner):
    """An image (h, w, 3) of 0 to 255, by OpenCV."""
    image = image / np.float32(255)
    if hue or saturation < 1 - 1 / 255:
        parts = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        parts[..., 0] = (parts[..., 0] + hue) % 360  # as the OpenCV of that time did itself
        parts[..., 1] *= saturation if saturation < 1 - 1 / 255 else 1
        image = cv2.cvtColor(parts, cv2.COLOR_HSV2BGR)
    image = image - np.float32([104, 117, 123]) / 255
    image = cv2.flip(image, 1) if flip else image
    if size != (WIDE, HIGH):
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    if degrees:
        matrix, bound = turned(size, degrees)
        image = cv2.warpAffine(image, matrix, bound, borderValue=(0, 0, 0))
    result = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    for y, x in np.ndindex(SIZE[1], SIZE[0]):
        i, j = y + corner[1], x + corner[0]
        if 0 <= i < len(image) and 0 <= j < len(image[0]):
            result[y, x] = image[i, j]
    return result * 255


@quick
@given(
    seeds,
    st.sampled_from([0.0, 25.0, -140.0]),
    st.sampled_from([1.0, 0.999, 0.4]),
    st.booleans(),
    st.sampled_from([(WIDE, HIGH), (90, 61), (50, 30)]),
    st.sampled_from([(0, 0), (9, -5), (-7, 4)]),
)
def test_images_are_changed_as_opencv_does(seed, hue, saturation, flip, size, corner):
    image = np.random.default_rng(seed).uniform(0, 255, (HIGH, WIDE, 3)).astype(np.float32)
    net = made(layer())
    drawn = (hue, saturation, flip, size, 0.0, corner)
    changed = net.l.changed(torch.from_numpy(image.transpose(2, 0, 1)), *drawn)
    wanted = transformed(image, *drawn).transpose(2, 0, 1)
    np.testing.assert_allclose(changed.numpy(), wanted, atol=2e-2)


@pytest.mark.parametrize("degrees", [0.6, -4.0, 30.0])
def test_images_are_rotated_as_opencv_does(degrees):
    y, x = np.mgrid[:HIGH, :WIDE].astype(np.float32)
    image = np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], 2) * 100 + 120
    net = made(layer())
    drawn = (0.0, 1.0, False, (WIDE, HIGH), degrees, (0, 0))
    changed = net.l.changed(torch.from_numpy(image.transpose(2, 0, 1)), *drawn).numpy()
    wanted = transformed(image, *drawn).transpose(2, 0, 1)
    inside = (changed != 0) & (wanted != 0)
    # OpenCV steps by 1/32 of a pixel, and mixes in zeros at the edge.
    assert inside.mean() > 0.5
    off = np.abs(changed - wanted)[inside]
    assert np.quantile(off, 0.97) < 0.6
    assert (changed != 0).mean() == pytest.approx((wanted != 0).mean(), abs=0.06)


def covered(rows, drawn, p):
    """The grid of an image's boxes, box by box as NVIDIA's generator goes."""
    flip, size, degrees, corner = drawn
    wide, high = SIZE[0] // STRIDE, SIZE[1] // STRIDE
    grid = np.zeros((8 + 3, high, wide))
    scale = np.array([size[0] / WIDE, size[1] / HIGH])
    for row in rows.astype(float):
        low, sides, kind = row[:2], row[2:4], int(row[5])
        if flip:
            low = np.array([WIDE - low[0] - sides[0] - 1, low[1]])
        low, sides = low * scale, sides * scale
        if degrees:
            matrix, _ = turned(size, degrees)
            low = matrix @ [*(low + sides / 2), 1] - sides / 2
        box = np.array([*low, *(low + sides)]) - [*corner, *corner]
        if p["crop"]:
            box = np.array([*np.maximum(box[:2], 0), *np.minimum(box[2:], SIZE)])
        if kind not in p["classes"] or (box[2:] <= box[:2]).any():
            continue
        sides, middle = box[2:] - box[:2], (box[:2] + box[2:]) / 2
        part = sides * 0.4
        part = np.minimum(sides, np.maximum(part, 20)) if p["min"] else np.minimum(part, 9)
        area = [*(middle - part / 2), *(middle + part / 2)]
        for i, j in np.ndindex(high, wide):
            cell = np.array([j, i]) * STRIDE
            low, up = np.maximum(cell, area[:2]), np.minimum(cell + STRIDE, area[2:])
            if (up - low).min() <= 0:
                continue
            norm = STRIDE**2 / np.prod(part)
            grid[:, i, j] = 0
            grid[:8, i, j] = [1, *(box - [*cell, *cell]), *(1 / sides), norm]
            grid[7, i, j] = norm if p["norm"] else max(1, norm)
            grid[8 + p["classes"][kind], i, j] = 1
    return grid


@quick
@given(
    seeds,
    st.integers(0, 7),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.booleans(),
    st.sampled_from([0.0, 12.0]),
)
def test_cells_are_covered_as_by_nvidia(seed, count, how, flip, degrees):
    draw = np.random.default_rng(seed)
    blob = drawn_boxes(draw, count)
    p = dict(zip(("crop", "min", "norm"), how, strict=True)) | {"classes": {1: 2, 3: 0}}
    fields = f"scale_cvg: 0.4 gridbox_type: GRIDBOX_{'MIN' if p['min'] else 'MAX'} "
    fields += f"min_cvg_len: 20 max_cvg_len: 9 obj_norm: {str(p['norm']).lower()} "
    fields += f"crop_bboxes: {str(p['crop']).lower()} object_class {{ src: 1 dst: 2 }} "
    net = made(layer(fields + "object_class { src: 3 dst: 0 }"))
    drawn = (flip, (80, 55), degrees, (6, -3))
    net.l.drawn = lambda *_: (0.0, 1.0, *drawn)
    image = torch.zeros(1, 3, HIGH, WIDE)
    _, grid = net(image, torch.from_numpy(blob)).values()
    wanted = covered(blob[0, 0, 1 : 1 + count], drawn, p)
    np.testing.assert_allclose(grid[0].numpy(), wanted, rtol=2e-3, atol=2e-3)


def test_the_test_phase_only_scales():
    net = made(layer(augment="crop_prob: 1"), "TEST")
    image = np.random.default_rng(0).uniform(0, 255, (HIGH, WIDE, 3)).astype(np.float32)
    blob = torch.from_numpy(drawn_boxes(np.random.default_rng(1), 5))
    given_ = torch.from_numpy(image.transpose(2, 0, 1))[None]
    shown, grid = net(given_, blob).values()
    wanted = transformed(image, 0, 1, False, SIZE, 0, (0, 0)).transpose(2, 0, 1)
    np.testing.assert_allclose(shown[0].numpy(), wanted, atol=2e-2)
    assert grid.shape == (1, 9, 3, 4)
    assert torch.equal(grid, net(given_, blob)["t1"])


def test_draws_have_the_odds_and_ends_that_are_stated():
    augment = """
        crop_prob: 0.75 shift_x: 8 shift_y: 4 scale_prob: 0.4 scale_min: 0.8 scale_max: 1.2
        flip_prob: 0.25 rotation_prob: 0.3 max_rotate_degree: 5 hue_rotation_prob: 0.6
        hue_rotation: 30 desaturation_prob: 0.8 desaturation_max: 0.5
    """
    net = made(layer(augment=augment))
    torch.manual_seed(0)
    draws = [net.l.drawn(WIDE, HIGH) for _ in range(4000)]
    hue, saturation, flip, size, degrees, corner = zip(*draws, strict=True)
    hue, saturation, degrees = map(np.array, (hue, saturation, degrees))
    odds = [(hue != 0, 0.6), (saturation != 1, 0.8), (np.array(flip), 0.25), (degrees != 0, 0.3)]
    odds.append((np.array([s != (WIDE, HIGH) for s in size]), 0.4))
    for happened, chance in odds:
        assert happened.mean() == pytest.approx(chance, abs=0.03)
    assert abs(hue).max() <= 30
    assert np.std(hue[hue != 0]) == pytest.approx(30 / 3**0.5, rel=0.05)
    assert saturation[saturation != 1].mean() == pytest.approx(0.75, abs=0.01)
    assert saturation.min() >= 0.5
    assert np.std(degrees[degrees != 0]) == pytest.approx(5 / 3**0.5, rel=0.06)
    wide = np.array([s[0] for s in size if s != (WIDE, HIGH)]) / WIDE
    assert (wide.min(), wide.max()) == pytest.approx((0.8, 1.2), abs=0.01)
    plain = [
        c for s, d, c in zip(size, degrees, corner, strict=True) if s == (WIDE, HIGH) and not d
    ]
    x, y = np.array(plain).T
    assert (x.min(), x.max()) == (-4, WIDE - SIZE[0] + 4)
    assert (y.min(), y.max()) == (-2, HIGH - SIZE[1] + 2)
    centered = np.mean((x == 3) & (y == 1))
    assert centered == pytest.approx(0.25 + 0.75 / (15 * 7), abs=0.04)


def test_eval_mode_draws_nothing():
    net = made(layer(augment="flip_prob: 1 hue_rotation_prob: 1 rotation_prob: 1")).eval()
    assert net.l.drawn(WIDE, HIGH) == (0.0, 1.0, False, SIZE, 0.0, (0, 0))


@pytest.mark.parametrize(
    ("text", "shapes", "told"),
    [
        (layer(stride=0), [(1, 3, 4, 5), (1, 1, 3, 16)], "stride must be positive"),
        (layer(), [(1, 1, 4, 5), (1, 1, 3, 16)], "images Nx3xHxW, not 1x1x4x5"),
        (layer(), [(1, 3, 4, 5), (1, 1, 3, 5)], "boxes 1x1xMx16, not 1x1x3x5"),
        (layer(mean='mean_file: "m"'), [(1, 3, 4, 5), (1, 1, 3, 16)], "a mean image"),
        (layer(mean="mean_value: 1 mean_value: 2"), [(1, 3, 4, 5), (1, 1, 3, 16)], "not 2 times"),
    ],
)
def test_what_the_transformation_would_not_take(text, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        net_of(text, shapes, 2)
    assert caught.value.span is not None
