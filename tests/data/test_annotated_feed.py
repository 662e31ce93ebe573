"""AnnotatedData: every number drawn, every box and every pixel as the fork's, against numpy."""

from __future__ import annotations

import json
import os

import cv2
import numpy as np
import pytest

import protonet
from protonet.diagnostics import NetError
from tests.data.annotated_records import layer, pictures, record, write
from tests.data.annotated_reference import Layer

pytestmark = pytest.mark.usefixtures("database")
SIZED = {"height": 20, "width": 24}
WAYS = ["LINEAR", "AREA", "NEAREST", "CUBIC", "LANCZOS4"]
DISTORT = {
    **{f"{name}_prob": 0.5 for name in ("brightness", "contrast", "hue", "saturation")},
    "brightness_delta": 32,
    "hue_delta": 18,
    "contrast_lower": 0.5,
    "contrast_upper": 1.5,
    "saturation_lower": 0.5,
    "saturation_upper": 1.5,
}
SAMPLED = {"min_scale": 0.3, "max_scale": 1.0, "min_aspect_ratio": 0.5, "max_aspect_ratio": 2.0}


def sampler(trials=50, most=1, **limits):
    return {
        "sampler": SAMPLED,
        "sample_constraint": limits,
        "max_trials": trials,
        "max_sample": most,
    }


SSD = [
    {"max_trials": 1, "max_sample": 1},
    *(sampler(min_jaccard_overlap=least) for least in (0.1, 0.3, 0.5, 0.7, 0.9)),
    sampler(max_jaccard_overlap=1.0),
]
SEVERAL = [
    sampler(trials=20, most=5, min_sample_coverage=0.1, max_sample_coverage=0.6),
    sampler(trials=7, most=2, min_object_coverage=0.8, min_jaccard_overlap=0.2),
    {"sampler": SAMPLED, "max_trials": 3},
]
CASES = {
    "ssd": (
        SSD,
        {
            "mirror": True,
            "mean_value": [104, 117.5, 123],
            "resize_param": {**SIZED, "interp_mode": WAYS},
            "emit_constraint": {"emit_type": "CENTER"},
            "distort_param": DISTORT,
            "expand_param": {"prob": 0.5, "max_expand_ratio": 4.0},
        },
    ),
    "padded": (
        SEVERAL,
        {
            "scale": 0.0078125,
            "resize_param": {
                **SIZED,
                "resize_mode": "FIT_LARGE_SIZE_AND_PAD",
                "pad_value": [7, 8, 9],
            },
            "emit_constraint": {"emit_type": "MIN_OVERLAP", "emit_overlap": 0.4},
        },
    ),
    "cropped": (SEVERAL[:1], {"mirror": True, "crop_size": 12, "resize_param": SIZED}),
    "plain": ((), {"resize_param": SIZED, "expand_param": {"max_expand_ratio": 2.0}}),
    "crop alone": ((), {"crop_size": 30}),
}


@pytest.fixture
def database(tmp_path, monkeypatch):
    """The images of a database, and their boxes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    made = pictures()
    write("db", [record(image, found) for image, found in made])
    return made


def agree(feed, wanted, batches):
    for _ in range(batches):
        batch = next(feed)
        images, rows = wanted.batch()
        np.testing.assert_allclose(batch["label"][0, 0], rows, atol=2e-7)
        np.testing.assert_allclose(batch["data"], images, atol=1e-5)


@pytest.mark.parametrize("seed", [1, 20])
@pytest.mark.parametrize("name", CASES)
def test_draws_boxes_and_pixels_are_the_forks(database, feed_of, name, seed):
    samplers, transform = CASES[name]
    training = name != "cropped" or seed == 1
    feed = feed_of(layer(transform, samplers), "TRAIN" if training else "TEST", seed=seed)
    agree(feed, Layer(database, 3, seed, training, samplers, **transform), 6)


def test_small_sides_fit_one_image_a_batch(database, feed_of):
    resize = {**SIZED, "resize_mode": "FIT_SMALL_SIZE"}
    feed = feed_of(layer({"resize_param": resize}, batch=1), "TRAIN", seed=3)
    agree(feed, Layer(database, 1, 3, resize_param=resize), 7)


def test_scales_of_height_and_width_stretch_the_boxes(database, feed_of):
    """height_scale and width_scale: boxes in units of them, not of the image."""
    resize = {**SIZED, "resize_mode": "FIT_SMALL_SIZE"}
    feed = feed_of(layer({"resize_param": resize}, batch=1), seed=3)
    fields = {**resize, "height_scale": 10, "width_scale": 16}
    scaled = feed_of(layer({"resize_param": fields}, batch=1), seed=3)
    for image, _ in database[:5]:
        one, other = next(feed)["label"][0, 0], next(scaled)["label"][0, 0]
        high, wide = image.shape[:2]
        size = (20, 20 * wide / high) if wide / high >= 24 / 20 else (24 * high / wide, 24)
        factor = [size[1] / 16, size[0] / 10]
        rows = one[one[:, 0] >= 0, 3:7]
        np.testing.assert_allclose(other[other[:, 0] >= 0, 3:7], rows * (factor * 2), rtol=1e-5)


def test_pixels_that_are_no_file_go_the_same_way(database, feed_of):
    write("raw", [record(image, found, raw=True) for image, found in database])
    samplers, transform = CASES["ssd"]
    feed = feed_of(layer(transform, samplers, source="raw"), "TRAIN", seed=1)
    agree(feed, Layer(database, 3, 1, True, samplers, **transform), 4)


def test_gray_images_are_resized_and_expanded(tmp_path, monkeypatch, feed_of):
    monkeypatch.chdir(tmp_path)
    made = pictures(colors=1)
    write("db", [record(image, found) for image, found in made])
    transform = {"resize_param": SIZED, "mean_value": 50.5, "expand_param": {"max_expand_ratio": 2}}
    feed = feed_of(layer(transform), "TRAIN", seed=2)
    colored = [(np.repeat(image[..., None], 3, 2), found) for image, found in made]
    wanted = Layer(colored, 3, 2, **{**transform, "mean_value": [50.5] * 3})
    for _ in range(3):
        batch, (images, rows) = next(feed), wanted.batch()
        np.testing.assert_allclose(batch["data"], images[:, :1], atol=1e-5)
        np.testing.assert_allclose(batch["label"][0, 0], rows, atol=2e-7)


def test_ranks_together_read_what_one_process_reads(feed_of):
    transform = {"resize_param": SIZED}
    alone = feed_of(layer(transform, batch=4), "TRAIN", seed=1)
    ranks = [
        feed_of(layer(transform, batch=2), "TRAIN", seed=1, rank=rank, world=2) for rank in (0, 1)
    ]
    for _ in range(4):
        together = np.concatenate([next(feed)["data"] for feed in ranks])
        wanted = next(alone)["data"]
        np.testing.assert_array_equal(together[[0, 2, 1, 3]], wanted)


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_saved_position_goes_on_bit_for_bit(feed_of, taken):
    samplers, transform = CASES["ssd"]
    transform = {**transform, "distort_param": {**DISTORT, "random_order_prob": 0.5}}
    source = layer(transform, samplers)
    one = feed_of(source, "TRAIN", seed=4)
    for _ in range(taken):
        next(one)
    state = json.loads(json.dumps(one.state()))
    other = feed_of(source, "TRAIN", seed=99)
    next(other)
    other.restore(state)
    for _ in range(4):
        first, second = next(one), next(other)
        np.testing.assert_array_equal(first["data"], second["data"])
        np.testing.assert_array_equal(first["label"], second["label"])


def test_channels_come_in_every_order(feed_of):
    distort = {"random_order_prob": 1.0}
    feed = feed_of(layer({"distort_param": distort, "resize_param": SIZED}, batch=7), seed=1)
    plain = next(feed_of(layer({"resize_param": SIZED}, batch=7), seed=1))["data"]
    orders = set()
    for _ in range(12):
        for image, planes in zip(next(feed)["data"], plain, strict=True):
            places = [int(np.abs(planes - plane).sum((1, 2)).argmin()) for plane in image]
            np.testing.assert_array_equal(image, planes[places])
            orders.add(tuple(places))
    assert len(orders) == 6


def test_a_label_each_where_records_have_no_boxes(database, feed_of):
    """convert_annoset with anno_type classification leaves the type away."""
    found = [record(image, (), kind=None, label=3 * n) for n, (image, _) in enumerate(database)]
    write("labels", found)
    feed = feed_of(layer({"resize_param": SIZED}, source="labels"))
    assert feed.shapes == {"data": (3, 3, 20, 24), "label": (3,)}
    assert [next(feed)["label"].tolist() for _ in range(2)] == [[0, 3, 6], [9, 12, 15]]


def test_one_top_takes_the_images_alone(feed_of):
    feed = feed_of(layer({"resize_param": SIZED}, tops=1))
    assert {name: value.shape for name, value in next(feed).items()} == {"data": (3, 3, 20, 24)}


def test_a_batch_without_a_box_has_a_row_of_minus_one(feed_of):
    feed = feed_of(layer({"resize_param": SIZED}, batch=1))
    assert feed.shapes["label"] == (1, 1, 1, 8)
    np.testing.assert_array_equal(next(feed)["label"], np.full((1, 1, 1, 8), -1))
    assert next(feed)["label"].shape == (1, 1, 1, 8)
    assert next(feed)["label"].shape == (1, 1, 2, 8)


def noises():
    step = {"prob": 1.0}
    yield "decolorize", {**step, "decolorize": True}
    yield "blur", {"gauss_blur": True}
    yield "hist", {"hist_eq": True}
    yield "clahe", {"clahe": True}
    yield "jpeg", {"jpeg": 30}
    yield "erode", {"erode": True}
    yield "posterize", {"posterize": True}
    yield "inverse", {"inverse": True}
    yield "hsv", {"convert_to_hsv": True}


def light(image, change):
    planes = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    planes[..., 0] = change(planes[..., 0].copy())
    return cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR)


def packed(image):
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
NOISED = {
    "decolorize": lambda x: np.repeat(cv2.cvtColor(x, cv2.COLOR_BGR2GRAY)[..., None], 3, 2),
    "blur": lambda x: cv2.GaussianBlur(x, (7, 7), 1.5),
    "hist": lambda x: light(x, cv2.equalizeHist),
    "clahe": lambda x: light(x, cv2.createCLAHE(4.0).apply),
    "jpeg": packed,
    "erode": lambda x: cv2.erode(x, CROSS),
    "posterize": lambda x: (x.astype(int) // 64 * 64 + 32).astype(np.uint8),
    "inverse": lambda x: 255 - x,
    "hsv": lambda x: cv2.cvtColor(x, cv2.COLOR_BGR2HSV),
}


@pytest.mark.parametrize(("name", "fields"), list(noises()))
def test_noise(database, feed_of, name, fields):
    feed = feed_of(layer({"resize_param": SIZED, "noise_param": fields}))
    for image, found in zip(database[:3], next(feed)["data"], strict=False):
        wanted = NOISED[name](cv2.resize(image[0], (24, 20)))
        np.testing.assert_array_equal(found, wanted.transpose(2, 0, 1))


def test_salt_and_pepper_strike_as_many_pixels(feed_of):
    specks = {"saltpepper": True, "saltpepper_param": {"fraction": 0.1, "value": [255, 0, 9]}}
    plain = feed_of(layer({"resize_param": SIZED}, batch=7))
    feed = feed_of(layer({"resize_param": SIZED, "noise_param": specks}, batch=7), seed=6)
    struck = np.zeros((20, 24))
    for _ in range(30):
        found, image = next(feed)["data"], next(plain)["data"]
        changed = (found != image).any(1)
        assert (changed.sum((1, 2)) <= 48).all()
        np.testing.assert_array_equal(found.transpose(0, 2, 3, 1)[changed] - [255, 0, 9], 0)
        struck += changed.sum(0)
    assert struck.min() > 0


def test_a_mean_image_is_not_mirrored(feed_of):
    blob = protonet.schema.pool.message("BlobProto")
    blob.shape.dim.extend((1, 3, 20, 24))
    mean = np.random.RandomState(0).rand(3, 20, 24).astype(np.float32)
    blob.data.extend(mean.ravel().tolist())
    with open("mean.binaryproto", "wb") as file:
        file.write(blob.SerializeToString())
    plain = feed_of(layer({"resize_param": SIZED, "mirror": True}), seed=5)
    fields = {"resize_param": SIZED, "mirror": True, "mean_file": "mean.binaryproto"}
    feed = feed_of(layer(fields), seed=5)
    for _ in range(3):
        np.testing.assert_allclose(next(feed)["data"], next(plain)["data"] - mean, atol=1e-5)


def test_colours_are_turned_round_for_cvt_bgr2rgb(feed_of):
    plain = feed_of(layer({"resize_param": SIZED}))
    feed = feed_of(layer({"resize_param": SIZED, "cvt_bgr2rgb": True}))
    np.testing.assert_array_equal(next(feed)["data"], next(plain)["data"][:, ::-1])


def refused(feed_of, source, *words, phase="TRAIN"):
    with pytest.raises(NetError) as caught:
        next(feed_of(source, phase, seed=1))
    assert caught.value.span is not None
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ({"resize_param": {"height": 20}}, "resize_param has no width"),
        ({"resize_param": {**SIZED, "resize_mode": "FIT_SMALL_SIZE"}}, "a batch_size of 1"),
        ({"expand_param": {"max_expand_ratio": 1.0}}, "max_expand_ratio must be above 1, not 1"),
        ({"expand_param": {"max_expand_ratio": 2.0}, "mean_file": "m"}, "mean_file is an image"),
        ({"crop_h": 3}, "crop_h is given without crop_w"),
        ({"force_color": True, "force_gray": True}, "force_color and force_gray are both set"),
        ({"mean_file": "m", "mean_value": 1}, "mean_file and mean_value are both given"),
        (
            {"emit_constraint": {"emit_type": "MIN_OVERLAP", "emit_overlap": 1.0}},
            "emit_overlap 1 leaves no box",
        ),
        ({"crop_size": 300}, "smaller than the crop"),
        ({"noise_param": {"convert_to_lab": True}}, "convert_to_lab makes floats"),
        ({"noise_param": {"saltpepper": True}}, "saltpepper needs saltpepper_param"),
        ({"distort_param": {"hue_delta": -1.0}}, "hue_delta can't be negative"),
        ({"distort_param": {"contrast_prob": 1, "contrast_lower": 2}}, "are no range from 0 up"),
        ({"resize_param": [{**SIZED, "prob": 0.5}] * 3}, "have the prob 1.5 together"),
        ({"max_rotation_angle": 3}, "max_rotation_angle belongs to a fork"),
        ({"resize_param": SIZED, "mean_value": [1, 2]}, "mean_value is given 2 times"),
    ],
)
def test_settings_that_no_image_can_follow(feed_of, transform, words):
    refused(feed_of, layer(transform), "layer 'd' (AnnotatedData)", words)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"min_scale": 0.0}, "min_scale 0 and max_scale 1 are no range in 0 to 1"),
        ({"max_scale": 1.5}, "max_scale 1.5"),
        ({"min_aspect_ratio": 3.0}, "min_aspect_ratio 3 and max_aspect_ratio 1 are no range"),
        ({"max_aspect_ratio": "INF"}, "no range above 0"),
    ],
)
def test_samplers_that_sample_nothing(feed_of, one, words):
    refused(feed_of, layer({"resize_param": SIZED}, [{"sampler": one}]), words)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            {"min_jaccard_overlap": 0.9, "max_jaccard_overlap": 0.1},
            "no window has the jaccard_overlap from 0.9 to 0.1",
        ),
        ({"min_sample_coverage": 1.5}, "no window has the sample_coverage from 1.5 to 1"),
        ({"max_object_coverage": -0.5}, "no window has the object_coverage from 0 to -0.5"),
    ],
)
def test_limits_that_no_window_meets(feed_of, limits, words):
    refused(feed_of, layer({"resize_param": SIZED}, [sampler(**limits)]), words)


def test_damaged_records_are_told_with_number_and_key(database, feed_of):
    image, found = database[1]
    good = record(image, found)
    wrong = {
        "is no AnnotatedDatum message": b"\xff\xff\xff",
        "it is no AnnotatedDatum": good[: len(good) // 2],
        "it has no datum in it": protonet.schema.pool.message("Datum").SerializeToString(),
        "can't decode": record(image, found, data=b"\xff\xd8\xff\xe0 nothing"),
        "has the corners nan": record(image, [{**found[0], "x1": np.nan}]),
        "states no type": record(image, found, kind=None),
        "is of the type 2": record(image, found, kind=2),
        "and has": record(image, found, raw=True, data=b"123"),
        "the batch holds": record(image[..., 0], found),
    }
    for number, (words, value) in enumerate(wrong.items()):
        write(f"bad{number}", [good, value])
        source = layer({"resize_param": SIZED}, batch=2, source=f"bad{number}")
        refused(feed_of, source, words, "record 1 (key '00000001')", f"bad{number}")


def test_a_database_of_another_layer_is_said_to_be(feed_of):
    data = 'layer { name: "d" type: "Data" top: "x" data_param { source: "db" backend: LMDB '
    refused(feed_of, data + "batch_size: 2 } }", "an AnnotatedDatum, of which an AnnotatedData")


def test_no_record_leaves_more_open_than_was(feed_of):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        refused(feed_of, layer({"crop_size": 300}), "smaller than the crop")
    assert len(os.listdir("/proc/self/fd")) <= before + 1
