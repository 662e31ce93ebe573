"""EvalData: resized images, their true boxes and sizes, against plain arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from protonet.diagnostics import NetError

# label, ignored, difficult, x1, y1, x2, y2
IMAGES = {
    "a.png": ((70, 90), [(1, 0, 1, 10, 12, 31, 30), (2, 1, 0, 40, 20, 84, 60)]),
    "b.png": ((60, 100), []),
    "c.png": ((90, 64), [(3, 0, 0, 20, 30, 26, 80)]),
}


def windows(index=None, **changes):
    lines = []
    for number, (name, (size, objects)) in enumerate(IMAGES.items()):
        height = changes.get("height", size[0])
        lines += [f"# {number if index is None else index}", name, f"3 {height} {size[1]}"]
        lines += [str(len(objects)), *(" ".join(map(str, row)) for row in objects), "1", "0 0 9 9"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw, found = np.random.RandomState(0), {}
    for name, (size, _) in IMAGES.items():
        found[name] = draw.randint(0, 256, (*size, 3)).astype(np.uint8)
        cv2.imwrite(name, found[name])
    Path("w.txt").write_text(windows())
    return found


def layer(fields, transform="", batch=1, tops=3):
    named = " ".join(f'top: "{top}"' for top in ("data", "boxes", "sizes")[:tops])
    return (
        f'layer {{ name: "d" type: "EvalData" {named} transform_param {{ {transform} }} '
        f'eval_data_param {{ source: "w.txt" batch_size: {batch} {fields} }} }}'
    )


def check(batch, names, pictures, size, mean, scale):
    rows = []
    for item, name in enumerate(names):
        (high, wide), objects = IMAGES[name]
        image = cv2.resize(pictures[name], size[::-1]).astype(np.float32)
        wanted = ((image - np.array(mean, np.float32)) * np.float32(scale)).transpose(2, 0, 1)
        np.testing.assert_array_equal(batch["data"][item], wanted)
        for label, ignored, difficult, *sides in objects:
            factors = [size[1] / wide, size[0] / high] * 2
            scaled = [side * factor for side, factor in zip(sides, factors, strict=True)]
            rows.append([item, *scaled, label, ignored, difficult])
    wanted = np.array(rows or [[-1] * 8])[:, :, None, None]
    np.testing.assert_allclose(batch["boxes"], wanted, rtol=1e-6)
    assert batch["sizes"].tolist() == [[[[size[0]]], [[size[1]]]]] * len(names)


def test_short_sides_are_brought_to_a_size_and_all_to_32(feed_of, pictures):
    feed = feed_of(layer("short_size: 48 long_size: 70", "mean_value: 3 scale: 0.5"))
    sizes = {
        name: tuple(int(min(int(n * 48 / min(size) + 0.5), 70) / 32 + 0.5) * 32 for n in size)
        for name, (size, _) in IMAGES.items()
    }
    assert feed.shapes == {
        "data": (1, 3, *sizes["a.png"]),
        "boxes": (1, 8, 1, 1),
        "sizes": (1, 2, 1, 1),
    }
    for name in (*IMAGES, "a.png"):
        check(next(feed), [name], pictures, sizes[name], [3, 3, 3], 0.5)


def test_a_batch_of_one_size_goes_on_where_it_stood(feed_of, pictures):
    text = layer(
        "resize_height: 33 resize_width: 90", "mean_value: 1 mean_value: 2 mean_value: 3", 2
    )
    feed, other = feed_of(text), feed_of(text)
    check(next(feed), ["a.png", "b.png"], pictures, (32, 96), [1, 2, 3], 1)
    other.restore(json.loads(json.dumps(feed.state())))
    for one in (feed, other):
        check(next(one), ["c.png", "a.png"], pictures, (32, 96), [1, 2, 3], 1)


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(
    ("fields", "transform", "told"),
    [
        ("short_size: 9 long_size: 10 batch_size: 2", "", "batch_size is 1 without a resize_width"),
        ("scale: 2", "", "scale has no effect in the fork"),
        ("", "mirror: true", "mirror belongs to a fork of Caffe"),
        ("", "mean_value: 1 mean_value: 2", "mean_value is given 2 times for 3 channels"),
        ("short_size: 9 long_size: 10", "", "it would be scaled to 0x0"),
    ],
)
def test_what_it_refuses(feed_of, fields, transform, told):
    text = layer(fields, transform)
    text = text.replace("batch_size: 1 ", "") if "batch_size" in fields else text
    with pytest.raises(NetError) as caught:
        feed_of(text)
    assert told in caught.value.message


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (windows(index=2), "image 0 of w.txt has the index 2"),
        (windows(height=71), "it is 70x90, the file says 71x90"),
        (windows().replace("a.png", "none.png"), "'none.png' in w.txt can't be taken"),
        (windows().replace("1 0 1 10", "0 0 1 10"), "has the label 0"),
    ],
)
def test_window_files_that_cannot_be_taken(feed_of, text, told):
    Path("w.txt").write_text(text)
    with pytest.raises(NetError) as caught:
        feed_of(layer("resize_height: 32 resize_width: 32"))
    assert told in caught.value.message
