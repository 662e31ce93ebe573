"""ImageGtData against MS-CNN's layer, its loops written out in image_gt_reference.py."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import image_gt_reference as reference
import numpy as np
import pytest

from protonet.diagnostics import NetError

FIELDS = [(8, 20, 16), (8, 28, 28), (16, 48, 40)]
# label, ignored, x1, y1, x2, y2; then the regions that do not count
IMAGES = {
    "a.png": (
        (70, 90),
        [(1, 0, 10, 12, 31, 30), (2, 0, 40, 20, 84, 60), (1, 1, 5, 50, 30, 66)],
        [],
    ),
    "b.png": ((60, 100), [], [(60, 10, 98, 50)]),
    "c.png": ((90, 64), [(3, 0, 20, 30, 26, 80), (2, 0, 2, 2, 12, 10)], [(30, 0, 60, 20)]),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.RandomState(0)
    lines = []
    for index, (name, (size, objects, outside)) in enumerate(IMAGES.items()):
        cv2.imwrite(name, generator.randint(0, 256, (*size, 3)).astype(np.uint8))
        lines += [f"# {index}", name, f"3 {size[0]} {size[1]}", str(len(objects))]
        lines += [" ".join(str(n) for n in row) for row in objects]
        lines += [str(len(outside)), *(" ".join(str(n) for n in row) for row in outside)]
    Path("windows.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def layer(fields="", transform="", batch=2):
    tops = " ".join(f'top: "{name}"' for name in ("data", "m0", "m1", "m2", "boxes"))
    numbers = " ".join(f"downsample_rate: {r} field_w: {w} field_h: {h}" for r, w, h in FIELDS)
    return (
        f'layer {{ name: "d" type: "ImageGtData" {tops} transform_param {{ {transform} }} '
        f'image_gt_data_param {{ source: "windows.txt" batch_size: {batch} {numbers} '
        f"output_gt_boxes: true {fields} }} }}"
    )


CROP = "resize_width: 96 resize_height: 80 crop_width: 64 crop_height: 48 "
SCALES = "do_multiple_scale: true min_scale: 12 max_scale: 64 min_whaspect: 0.5 max_whaspect: 2 "


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("fields", "transform", "facts"),
    [
        (CROP, "", {"resize": (80, 96), "size": (48, 64)}),
        (
            CROP + SCALES + "shuffle: true min_gt_width: 9 scale: 0.5",
            "mirror: true mean_value: 100",
            {
                "resize": (80, 96),
                "size": (48, 64),
                "scales": (12, 64),
                "aspects": (0.5, 2),
                "mirror": True,
                "mean": 100,
                "scale": 0.5,
                "least": (9, 0),
            },
        ),
        (
            "crop_width: 48 crop_height: 60 fg_threshold: 0.3 fg_img_multiple: 2 "
            "cache_images: true " + SCALES,
            "",
            {"size": (60, 48), "scales": (12, 64), "aspects": (0.5, 2), "from": 0.3, "times": 2},
        ),
    ],
)
def test_items_are_the_forks(feed_of, fields, transform, facts):
    feed = feed_of(layer(fields, transform), "TRAIN", seed=3)
    p = {"fields": FIELDS, "least": (0, 0), "from": 0.5, **facts}
    seeds = np.random.RandomState(3).randint(0, 2**32, 2, np.uint32)
    generator = np.random.RandomState(seeds[1 if facts.get("mirror") else 0])
    names = [n for n in IMAGES for _ in range(p.get("times", 1) if IMAGES[n][1] else 1)]

    def rand():
        return int(generator.randint(0, 2**32, 1, np.uint32)[0])

    def shuffled():
        for last in range(len(names) - 1, 0, -1):
            bucket = 2**32 // (last + 1)
            at = rand() // bucket
            names[last], names[at] = names[at], names[last]

    if "shuffle" in fields:
        shuffled()
    place = 0
    for _ in range(6):
        batch, boxes = next(feed), []
        for item in range(2):
            _, objects, outside = IMAGES[names[place]]
            data, maps, rows = reference.item_of(names[place], objects, outside, p, rand)
            np.testing.assert_allclose(batch["data"][item], data, atol=1e-4)
            for number, made in enumerate(maps):
                np.testing.assert_allclose(batch[f"m{number}"][item], made, rtol=1e-5, atol=1e-5)
            boxes += [[item, *row] for row in rows]
            place = (place + 1) % len(names)
            if place == 0 and "shuffle" in fields:
                shuffled()
        found = batch["boxes"][:, :, 0, 0]
        np.testing.assert_allclose(found, boxes or [[0, 1, 1, 2, 2, 1, 1]], rtol=1e-5, atol=1e-4)


@pytest.mark.usefixtures("folder")
def test_a_saved_position_goes_on_where_it_was(feed_of):
    text = layer(CROP + SCALES + "shuffle: true", "mirror: true")
    feed = feed_of(text, "TRAIN", seed=1)
    next(feed)
    state = json.loads(json.dumps(feed.state()))
    wanted = [next(feed) for _ in range(3)]
    other = feed_of(text, "TRAIN", seed=9)
    other.restore(state)
    for batch in wanted:
        again = next(other)
        assert all(np.array_equal(batch[top], again[top]) for top in batch)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spoil", "options", "words"),
    [
        (None, {"fields": "mirror: true"}, "mirror has no effect"),
        (None, {"transform": "scale: 2"}, "scale has no effect"),
        (
            None,
            {"fields": "resize_width: 9 resize_height: 9 crop_width: 12 crop_height: 9"},
            "more",
        ),
        (None, {"fields": CROP + SCALES.replace("12", "99")}, "are no scales"),
        (None, {"fields": CROP + "min_whaspect: 2 max_whaspect: 2"}, "are no aspects"),
        (None, {"transform": "mean_value: 1 mean_value: 2"}, "given 2 times for 3 channels"),
        ("", {}, "is empty"),
        ("a.png 3 20 30 0", {}, "begins with 'a.png 3 20'"),
        ("# 0 a.png 1 20 30 0 0", {}, "has 1 channels"),
        ("# 0 a.png 3 70 90 1 1 0 1 1 2", {}, "ends within the boxes of 'a.png'"),
        ("# 0 a.png 3 70 90 1 0 0 1 1 9 9 0", {}, "has the label 0"),
        ("# 0 a.png 3 70 90 1 1 0 1 1 9 x 0", {}, "no whole numbers"),
        ("# 0 a.png 3 70 90 -1 0", {}, "out of range"),
        ("# 0 no.png 3 70 90 0 0", {}, "the image 'no.png'"),
        ("# 0 a.png 3 71 90 0 0", {}, "it is 70x90, the file says 71x90"),
    ],
)
def test_mistakes_of_window_files(feed_of, spoil, options, words):
    if spoil is not None:
        Path("windows.txt").write_text(spoil)
    with pytest.raises(NetError) as caught:
        next(feed_of(layer(**options), "TRAIN"))
    assert words in str(caught.value)
    assert caught.value.span is not None
