"""WindowData against its layer's loops, written out a pixel at a time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from protonet.diagnostics import NetError
from protonet.schema.blobs import write_binaryproto

CROP = 9
SIZES = {"a.png": (20, 30), "b.png": (25, 18)}
# class, overlap, x1, y1, x2, y2
WINDOWS = {
    "a.png": [(3, 0.9, 2, 3, 12, 10), (1, 0.5, 0, 0, 29, 19), (2, 0.2, 20, 10, 29, 19)],
    "b.png": [(5, 0.7, 4, 4, 9, 20), (4, 0.4, 0, 12, 17, 24), (0, 0.0, 8, 0, 17, 5)],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.RandomState(0)
    lines = []
    for index, (name, size) in enumerate(SIZES.items()):
        cv2.imwrite(name, generator.randint(0, 256, (*size, 3)).astype(np.uint8))
        lines += [f"# {index}", name, f"3 {size[0]} {size[1]}", str(len(WINDOWS[name]))]
        lines += [" ".join(str(n) for n in window) for window in WINDOWS[name]]
    Path("windows.txt").write_text("\n".join(lines) + "\n")
    write_binaryproto("mean.binaryproto", generator.rand(1, 3, 13, 13).astype(np.float32) * 200)
    return tmp_path


def window_layer(fields="", transform="", batch=4, crop=CROP):
    return (
        'layer { name: "d" type: "WindowData" top: "data" top: "label" '
        f"transform_param {{ crop_size: {crop} {transform} }} window_data_param {{ "
        f'source: "windows.txt" batch_size: {batch} {fields} }} }}'
    )


def nearest(x):
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def reference(name, window, flipped, context, square, mean):
    """The inner part of WindowDataLayer::load_batch."""
    f = np.float32
    image = cv2.imread(name)
    x1, y1, x2, y2 = window[2:]
    wide = high = CROP
    pad_w = pad_h = 0
    if context or square:
        scale = f(CROP) / f(CROP - 2 * context)
        half_h, half_w = f(y2 - y1 + 1) / f(2), f(x2 - x1 + 1) / f(2)
        mid_x, mid_y = f(x1) + half_w, f(y1) + half_h
        if square:
            half_h = half_w = max(half_h, half_w)
        x1, x2 = nearest(mid_x - half_w * scale), nearest(mid_x + half_w * scale)
        y1, y2 = nearest(mid_y - half_h * scale), nearest(mid_y + half_h * scale)
        scale_x, scale_y = f(CROP) / f(x2 - x1 + 1), f(CROP) / f(y2 - y1 + 1)
        left, top = max(0, -x1), max(0, -y1)
        right, bottom = max(0, x2 - image.shape[1] + 1), max(0, y2 - image.shape[0] + 1)
        x1, x2, y1, y2 = x1 + left, x2 - right, y1 + top, y2 - bottom
        wide, high = nearest(f(x2 - x1 + 1) * scale_x), nearest(f(y2 - y1 + 1) * scale_y)
        pad_h = nearest(f(top) * scale_y)
        pad_w = nearest(f(right if flipped else left) * scale_x)
        high, wide = min(high, CROP - pad_h), min(wide, CROP - pad_w)
    warped = cv2.resize(image[y1 : y2 + 1, x1 : x2 + 1], (wide, high))
    warped = cv2.flip(warped, 1) if flipped else warped
    out = np.zeros((3, CROP, CROP), np.float32)
    for h in range(high):
        for w in range(wide):
            for c in range(3):
                at = c, h + pad_h, w + pad_w
                out[at] = f(warped[h, w, c]) - (mean[at] if mean is not None else f(0))
    return out


def kinds():
    every = [(name, window) for name in WINDOWS for window in WINDOWS[name]]
    return [w for w in every if w[1][1] < 0.5], [w for w in every if w[1][1] >= 0.5]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("fields", "context", "square"),
    [("", 0, False), ("context_pad: 2", 2, False), ('crop_mode: "square"', 0, True)],
)
@pytest.mark.parametrize(
    "transform", ["", "mirror: true mean_value: 9", 'mean_file: "M" mirror: 1']
)
def test_windows_are_caffes(feed_of, fields, context, square, transform):
    from protonet.schema.blobs import read_binaryproto

    transform = transform.replace('"M"', '"mean.binaryproto"').replace("mirror: 1", "mirror: true")
    mean = np.full((3, CROP, CROP), 9, np.float32) if "mean_value" in transform else None
    if "mean_file" in transform:
        mean = read_binaryproto("mean.binaryproto")[0][:, 2:11, 2:11]
    feed = feed_of(window_layer(fields, transform), "TRAIN", seed=6)
    assert feed.shapes == {"data": (4, 3, CROP, CROP), "label": (4,)}
    seeds = np.random.RandomState(6).randint(0, 2**32, 2, np.uint32)
    numbers = np.random.RandomState(seeds[1])
    background, objects = kinds()
    for _ in range(6):
        batch = next(feed)
        for row in range(4):
            windows = objects if row == 3 else background
            name, window = windows[numbers.randint(0, 2**32, 1, np.uint32)[0] % len(windows)]
            flipped = "mirror" in transform and numbers.randint(0, 2**32, 1, np.uint32)[0] % 2
            wanted = reference(name, window, flipped, context, square, mean)
            np.testing.assert_array_equal(batch["data"][row], wanted)
            assert batch["label"][row] == (window[0] if row == 3 else 0)


@pytest.mark.usefixtures("folder")
def test_shares_and_thresholds(feed_of):
    layer = window_layer("fg_fraction: 0.5 fg_threshold: 0.8 bg_threshold: 0.3", batch=8)
    feed = feed_of(layer, "TRAIN", seed=1)
    state = json.loads(json.dumps(feed.state()))
    first = next(feed)
    assert first["label"].tolist() == [0, 0, 0, 0, 3, 3, 3, 3]
    feed.restore(state)
    np.testing.assert_array_equal(next(feed)["data"], first["data"])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spoil", "options", "words"),
    [
        (None, {"transform": "scale: 2"}, "scale has no effect on windows in Caffe"),
        (None, {"crop": 0}, "it needs a crop_size"),
        (None, {"fields": "context_pad: 5"}, "context_pad 5 leaves nothing of crop_size 9"),
        (None, {"fields": 'crop_mode: "round"'}, "crop_mode is warp or square"),
        (None, {"fields": "fg_threshold: 0.95"}, "windows.txt has no object window"),
        (None, {"transform": 'mean_file: "mean.binaryproto"', "crop": 15}, "has no centre of 3x15"),
        ("", {}, "is empty"),
        ("# 0 a.png 3 20 30 1 3 0.9 1 1 2", {}, "ends within the windows of 'a.png'"),
        ("a.png 3 20 30 0", {}, "begins with 'a.png 3 20'"),
        ("# 0 a.png 3 20 30 1 0 0.9 1 1 2 2", {}, "and the class 0"),
        ("# 0 a.png 3 20 30 1 x 0.9 1 1 2 2", {}, "could not convert"),
        ("# 0 no.png 3 9 9 2 1 0.9 1 1 2 2 0 0 1 1 2 2", {}, "window 1 of the image 'no.png'"),
        ("# 0 a.png 3 9 9 2 1 0.9 1 1 2 2 0 0 1 1 31 2", {}, "do not lie in an image of 30x20"),
    ],
)
def test_mistakes(feed_of, spoil, options, words):
    if spoil is not None:
        Path("windows.txt").write_text(spoil)
    with pytest.raises(NetError) as caught:
        next(feed_of(window_layer(**options), "TRAIN"))
    assert words in str(caught.value)
    assert caught.value.span is not None
