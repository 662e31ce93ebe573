"""The transformation, value by value, against Caffe's loops written out; and what it refuses."""

from __future__ import annotations

import shutil

import cv2
import lmdb
import numpy as np
import pytest

from protonet.data.random import Random
from protonet.diagnostics import NetError
from protonet.schema.blobs import read_binaryproto, write_binaryproto
from protonet.schema.pool import message_class

pytestmark = pytest.mark.usefixtures("golden_data")


def data_layer(transform="", source="raw_lmdb", batch=4, tops=2, more=""):
    names = 'top: "data" ' + 'top: "label" ' * (tops - 1)
    return (
        f'layer {{ name: "d" type: "Data" {names} transform_param {{ {transform} }} '
        f'data_param {{ source: "{source}" backend: LMDB batch_size: {batch} {more} }} }}'
    )


def datums(path="raw_lmdb"):
    """The records as protobuf reads them, from a copy: an LMDB may be open once."""
    shutil.copytree(path, "copy", dirs_exist_ok=True)
    opened = lmdb.open("copy", readonly=True, lock=False)
    with opened as environment, environment.begin() as transaction:
        return [message_class("Datum").FromString(value) for _, value in transaction.cursor()]


def images(path="raw_lmdb"):
    shaped = ((d, (d.channels, d.height, d.width)) for d in datums(path))
    return [np.frombuffer(d.data, np.uint8).reshape(s).astype(np.float32) for d, s in shaped]


def caffes_numbers(seed):
    """The transformer's generator: the second number that the net's gives seeds it."""
    return np.random.RandomState(np.random.RandomState(seed).randint(0, 2**32, 2, np.uint32)[1])


def transformed(image, crop, numbers, mirror=False, mean=None, scale=1.0, random=True):
    """DataTransformer::Transform, a value at a time."""
    channels, height, width = image.shape
    draw = lambda n: int(numbers.randint(0, 2**32, 1, np.uint32)[0]) % n  # noqa: E731
    flipped = mirror and draw(2)
    top = draw(height - crop + 1) if random else (height - crop) // 2
    left = draw(width - crop + 1) if random else (width - crop) // 2
    out = np.zeros((channels, crop, crop), np.float32)
    for c in range(channels):
        for h in range(crop):
            for w in range(crop):
                value = image[c, top + h, left + w]
                if mean is not None:
                    value = value - mean[c, top + h, left + w]
                out[c, h, crop - 1 - w if flipped else w] = value * np.float32(scale)
    return out


@pytest.mark.parametrize("seed", [1, 1701])
def test_random_crops_and_mirrors_are_caffes(feed_of, seed):
    transform = 'crop_size: 7 mirror: true scale: 0.25 mean_file: "mean.binaryproto"'
    feed = feed_of(data_layer(transform), "TRAIN", seed=seed)
    numbers, mean = caffes_numbers(seed), read_binaryproto("mean.binaryproto")[0]
    kept = images()
    for batch in range(3):
        got = next(feed)
        for row in range(4):
            number = (4 * batch + row) % len(kept)
            wanted = transformed(kept[number], 7, numbers, True, mean, 0.25)
            np.testing.assert_array_equal(got["data"][row], wanted)
            assert got["label"][row] == datums()[number].label


def test_in_test_the_crop_is_central_and_mirrors_are_random(feed_of):
    feed = feed_of(data_layer("crop_size: 5 mirror: true mean_value: 3"), "TEST", seed=4)
    numbers, kept = caffes_numbers(4), images()
    mean = np.full(kept[0].shape, 3, np.float32)
    got = next(feed)["data"]
    for row in range(4):
        wanted = transformed(kept[row], 5, numbers, True, mean, random=False)
        np.testing.assert_array_equal(got[row], wanted)


def test_seeds_differ_by_rank_and_repeat(feed_of):
    layer = data_layer("crop_size: 5 mirror: true", batch=7)
    first = next(feed_of(layer, "TRAIN", seed=5))["data"]
    np.testing.assert_array_equal(first, next(feed_of(layer, "TRAIN", seed=5))["data"])
    assert (first != next(feed_of(layer, "TRAIN", seed=6))["data"]).any()


def test_shuffle_follows_boosts_uniform_int():
    """std::swap of each place with one at most as high, by equal buckets of 32 bits."""
    raw = np.random.RandomState(9).randint(0, 2**32, 50, np.uint32).tolist()
    items = list(range(40))
    for i in range(39, 0, -1):
        j = raw.pop(0) // (2**32 // (i + 1))
        while j > i:
            j = raw.pop(0) // (2**32 // (i + 1))
        items[i], items[j] = items[j], items[i]
    assert Random(9).shuffled(np.arange(40)).tolist() == items


def test_shuffles_are_even():
    counts = np.zeros((5, 5))
    random = Random(0)
    for _ in range(4000):
        counts[np.arange(5), random.shuffled(np.arange(5))] += 1
    assert abs(counts - 800).max() < 5 * np.sqrt(800 * 0.8)


@pytest.mark.parametrize("force", ["", "force_color: true", "force_gray: true"])
def test_encoded_images_are_decoded_as_opencv_does(feed_of, force):
    flags = {"": cv2.IMREAD_UNCHANGED, "force_color: true": 1, "force_gray: true": 0}
    got = next(feed_of(data_layer(force, "encoded_lmdb", batch=5)))["data"]
    for row, datum in enumerate(datums("encoded_lmdb")):
        image = cv2.imdecode(np.frombuffer(datum.data, np.uint8), flags[force])
        np.testing.assert_array_equal(got[row], np.atleast_3d(image).transpose(2, 0, 1))


def test_float_data(feed_of):
    got = next(feed_of(data_layer("scale: 2", "float_lmdb", batch=5)))["data"]
    for row, datum in enumerate(datums("float_lmdb")):
        np.testing.assert_array_equal(got[row].ravel(), 2 * np.array(datum.float_data, np.float32))


COMPONENTS = "component: 1 component: 0 component: 0 " * 3
NOISE = f"deviation: 10 deviation: 20 deviation: 30 {COMPONENTS}"


def test_color_noise_shifts_whole_images(feed_of):
    axes = " ".join(f"component: {float(i == j)}" for i in range(3) for j in range(3))
    noise = f"color_noise {{ deviation: 10 deviation: 20 deviation: 30 {axes} sigma: 0.5 }}"
    feed = feed_of(data_layer(f"{noise} scale: 2", batch=7), "TRAIN", seed=0)
    shifts = []
    for _ in range(300):
        difference = next(feed)["data"] - 2 * np.stack(images())
        assert np.ptp(difference, axis=(2, 3)).max() < 1e-3
        shifts.append(difference.mean((2, 3)))
    shifts = np.concatenate(shifts) / 2
    np.testing.assert_allclose(shifts.std(0), [5, 10, 15], rtol=0.06)
    assert abs(shifts.mean(0) / [5, 10, 15]).max() < 0.1
    assert abs(np.corrcoef(shifts.T) - np.eye(3)).max() < 0.1


def test_color_noise_is_for_training(feed_of):
    got = next(feed_of(data_layer(f"color_noise {{ {NOISE} }}", batch=7)))["data"]
    np.testing.assert_array_equal(got, np.stack(images()))


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ("crop_size: 11", "record 0 (key '00000000') of raw_lmdb"),
        ("crop_size: 11", "it is 12x10, smaller than crop_size 11"),
        ('mean_file: "mean.binaryproto" mean_value: 4', "mean_file and mean_value are both given"),
        ("mean_value: 1 mean_value: 2", "mean_value is given 2 times for 3 channels"),
        ("force_color: true force_gray: true", "are both set"),
        ('mean_file: "none"', "there is no file or folder 'none'"),
        ('mean_file: "names.txt"', "no blob"),
        ('mean_file: "wrong.binaryproto"', "it is 3x12x10, but the mean file is 3x9x9"),
        ("resize_param { height: 4 width: 4 }", "resize_param belongs to a fork of Caffe"),
        ("color_noise { deviation: 1 }", "--pca"),
    ],
)
def test_refused(feed_of, transform, words):
    write_binaryproto("wrong.binaryproto", np.zeros((1, 3, 9, 9), np.float32))
    with pytest.raises(NetError) as caught:
        next(feed_of(data_layer(transform), "TRAIN"))
    assert words in str(caught.value)
    assert "layer 'd' (Data)" in str(caught.value)
    assert caught.value.span is not None


@pytest.mark.parametrize("mean", ["", "file", "value"])
def test_colour_images_take_a_way_of_their_own_to_the_same_numbers(feed_of, mean):
    """Decoded images go through OpenCV's loops: numbers with no short binary form show rounding."""
    values = np.random.RandomState(0).rand(1, 3, 12, 10).astype(np.float32) * 200
    write_binaryproto("odd.binaryproto", values)
    fields = {"file": 'mean_file: "odd.binaryproto"', "value": "mean_value: 104.007"}.get(mean, "")
    subtracted = {"file": values[0], "value": np.full((3, 12, 10), 104.007, np.float32)}.get(mean)
    kept = [
        cv2.imdecode(np.frombuffer(d.data, np.uint8), -1).transpose(2, 0, 1).astype(np.float32)
        for d in datums("encoded_lmdb")
    ]
    layer = data_layer(f"crop_size: 7 mirror: true scale: 0.017 {fields}", "encoded_lmdb", batch=5)
    feed, numbers = feed_of(layer, "TRAIN", seed=3), caffes_numbers(3)
    for _ in range(6):
        for image, got in zip(kept, next(feed)["data"], strict=True):
            wanted = transformed(image, 7, numbers, True, subtracted, 0.017)
            np.testing.assert_array_equal(got, wanted)
