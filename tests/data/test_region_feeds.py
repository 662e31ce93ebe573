"""Faster R-CNN's images and boxes as batches, against numpy and OpenCV."""

from __future__ import annotations

import itertools
import json
import shutil

import cv2
import numpy as np
import pytest

import protonet
from protonet import NetError
from protonet.api import read, selected
from protonet.data import open_feeds
from protonet.data.detection.shapes import write_shapes
from protonet.selection import Selection

MEAN = [102.9801, 115.9465, 122.7717]
XML = """<annotation><filename>{name}</filename>{objects}</annotation>"""
OBJECT = (
    "<object><name>{0}</name><difficult>{5}</difficult><bndbox><xmin>{1}</xmin><ymin>{2}</ymin>"
    "<xmax>{3}</xmax><ymax>{4}</ymax></bndbox></object>"
)
MARKS = {
    "a": [("cat", 1, 1, 20, 30, 0), ("dog", 11, 6, 40, 25, 0), ("dog", 2, 2, 9, 9, 1)],
    "b": [("dog", 5, 5, 24, 60, 0)],
    "c": [("cat", 1, 1, 9, 9, 1)],
    "d": [],
}
SIZES = {"a": (30, 40), "b": (60, 24), "c": (20, 20), "d": (20, 20)}


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / "voc" / part).mkdir(parents=True)
    for name, marks in MARKS.items():
        image = draw.integers(0, 256, (*SIZES[name], 3), np.uint8)
        cv2.imwrite(str(tmp_path / "voc" / "JPEGImages" / f"{name}.png"), image)
        objects = "".join(OBJECT.format(*mark) for mark in marks)
        text = XML.format(name=f"{name}.png", objects=objects)
        (tmp_path / "voc" / "Annotations" / f"{name}.xml").write_text(text)
    (tmp_path / "voc" / "ImageSets" / "Main" / "train.txt").write_text("\n".join(MARKS))
    return tmp_path


def python_layer(text):
    return (
        'layer { name: "in" type: "Python" top: "data" top: "im_info" top: "gt_boxes" '
        'python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer" '
        f'param_str: "{text}" }} }}'
    )


def feed_of(text, phase="TRAIN", **more):
    (feed,) = open_feeds(selected(read(text), Selection.of(phase)), phase, **more)
    return feed


def prepared(name, mirror, scale):
    """An image and its boxes as py-faster-rcnn makes them."""
    image = cv2.imread(f"voc/JPEGImages/{name}.png").astype(np.float32)
    rows = [mark for mark in MARKS[name] if not mark[5]]
    corners = np.array([mark[1:5] for mark in rows], float) - 1
    if mirror:
        image = image[:, ::-1]
        corners = corners[:, [2, 1, 0, 3]]
        corners[:, ::2] = image.shape[1] - corners[:, ::2] - 1
    image = cv2.resize(image - np.float32(MEAN), None, fx=scale, fy=scale)
    labels = [["cat", "dog"].index(mark[0]) + 1 for mark in rows]
    return image.transpose(2, 0, 1), np.hstack([corners * scale, np.array(labels)[:, None]])


def test_a_voc_folder_for_the_python_layer():
    text = "'num_classes': 3, 'source': 'voc', 'set': 'train', 'scales': [45], 'max_size': 100"
    net = python_layer(text)
    feed = feed_of(net, seed=3)
    found = [next(feed) for _ in range(8)]
    assert feed.shapes == {top: values.shape for top, values in found[0].items()}
    seen = []
    for batch in found:
        for name, mirror in itertools.product("ab", (False, True)):
            # The longer side of b would be 112.5: its scale is 100 of 60.
            scale = {"a": 45 / 30, "b": 100 / 60}[name]
            image, boxes = prepared(name, mirror, scale)
            if batch["data"].shape[1:] == image.shape and np.allclose(batch["data"][0], image):
                seen.append((name, mirror))
                np.testing.assert_allclose(batch["gt_boxes"], boxes, rtol=1e-6)
                size = [[*image.shape[1:], scale]]
                np.testing.assert_allclose(batch["im_info"], size, rtol=1e-6)
    every = set(itertools.product("ab", (False, True)))
    assert set(seen[:4]) == set(seen[4:]) == every
    again = feed_of(net, seed=3)
    assert all(np.array_equal(next(again)["data"], batch["data"]) for batch in found)
    assert feed_of(net, "TEST", seed=3).order.count == 2


def test_reading_goes_on_where_it_stood():
    text = python_layer("{'num_classes': 3, 'source': 'voc', 'scales': [20, 40, 30]}")
    feed = feed_of(text, seed=1)
    for _ in range(3):
        next(feed)
    state = json.loads(json.dumps(feed.state()))
    later = [next(feed) for _ in range(5)]
    other = feed_of(text, seed=9)
    other.restore(state)
    for batch in later:
        for top, values in next(other).items():
            np.testing.assert_array_equal(values, batch[top])


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("'num_classes': 4, 'source': 'voc'", "show 2 classes, and num_classes 4"),
        ("'num_classes': 3, 'source': 'nowhere'", "no file or folder 'nowhere'"),
        ("'num_classes': 3, 'source': 'voc', 'set': 'trian'", "there is no set"),
        ("'num_classes': 3, 'source': 'voc', 'label_map': 'x'", "no file or folder 'x'"),
        ("'num_classes': 3, 'source': 'voc', 'scale': [20]", "no option 'scale'"),
        ("'num_classes': 3, 'sorce': 'voc'", "no option 'sorce'"),
        ("'num_classes': 3, 'source': 'voc', 'scales': 20", "list of positive numbers, not 20"),
        ("'num_classes': 3, 'source': 'voc', 'flipped': 'no'", "takes true or false, not 'no'"),
        ("'num_classes': 3, 'source': 'wide'", r"a box, \[0.0, 0.0, 49.0, 9.0\], is not"),
    ],
)
def test_what_the_python_layer_can_not_read_is_told(folder, options, what):
    shutil.copytree(folder / "voc", folder / "wide")
    mark = folder / "wide" / "Annotations" / "b.xml"
    objects = OBJECT.format("dog", 1, 1, 50, 10, 0) + OBJECT.format("cat", 0, 0, 9, 9, 0)
    mark.write_text(XML.format(name="b.png", objects=objects))
    with pytest.raises(NetError, match=what):
        list(itertools.islice(feed_of(python_layer(options)), 4))


def test_a_python_layer_with_options_of_its_own_is_the_callers():
    text = python_layer("'num_classes': 3, 'source': 'voc', 'imdb_name': 'coco'")
    assert open_feeds(selected(read(text), Selection.of("TRAIN")), "TRAIN") == []


def test_a_python_layer_without_a_source_is_the_callers(folder):
    text = python_layer("'num_classes': 3")
    assert open_feeds(selected(read(text), Selection.of("TRAIN")), "TRAIN") == []
    loss = 'layer { name: "l" type: "Reduction" bottom: "data" top: "y" loss_weight: 1 }'
    (folder / "net.prototxt").write_text(text + loss)
    solver = folder / "solver.prototxt"
    solver.write_text('net: "net.prototxt" base_lr: 1 lr_policy: "fixed" max_iter: 1')
    with pytest.raises(NetError, match="can't be read here") as told:
        protonet.train(solver)
    assert "'source': 'VOC2007'" in told.value.hint


SETTINGS = {
    "scales": "24, 48",
    "max_size": "90",
    "use_flipped": "1",
    "pixel_means": "102.9801, 115.9465, 122.7717",
    "rng_seed": "3",
    "n_classes": "3",
}
LIST = """# 0
a.png
2
1 0 0 19 29 0
2 10 5 45 24 1
# 1
b.png
1
2 4 4 23 59 0
"""
CPP = """layer { name: "in" type: "FrcnnRoiData" top: "data" top: "im_info" top: "gt_boxes"
window_data_param { source: "list.txt" config: "settings.json" root_folder: "voc/JPEGImages/" } }"""


def boost_shuffle(items, draw):
    """std::random_shuffle's order as Caffe's rng.hpp has it, from the end to the start."""
    items = list(items)
    for high in range(len(items) - 1, 0, -1):
        bucket = (1 << 32) // (high + 1)
        low = draw() // bucket
        while low > high:
            low = draw() // bucket
        items[high], items[low] = items[low], items[high]
    return items


def shown(name, mirror, short, step):
    """An image and its boxes as makefile's layer makes them."""
    image = cv2.imread(f"voc/JPEGImages/{name}.png").astype(np.float32)
    height, width = image.shape[:2]
    rows = {"a": [[0, 0, 19, 29, 1], [10, 5, 39, 24, 2]], "b": [[4, 4, 23, 59, 2]]}[name]
    rows = np.array(rows, float)
    if mirror:
        image = image[:, ::-1]
        rows = np.hstack(
            [width - 1 - rows[:, 2:3], rows[:, 1:2], width - 1 - rows[:, :1], rows[:, 3:]]
        )
    scale = min(short / min(height, width), 90 / max(height, width))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image - np.float32(MEAN), None, fx=scale, fy=scale, interpolation=way)
    padded = np.zeros((*(-(-side // step) * step for side in image.shape[:2]), 3), np.float32)
    padded[: image.shape[0], : image.shape[1]] = image
    rows[:, :4] *= scale
    rows[:, :4] = np.minimum(rows[:, :4], [padded.shape[1] - 1, padded.shape[0] - 1] * 2)
    return padded.transpose(2, 0, 1), rows, scale


@pytest.mark.parametrize("step", [1, 16])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_a_list_for_the_layer_in_c(folder, step, phase):
    (folder / "list.txt").write_text(LIST)
    (folder / "settings.json").write_text(json.dumps({**SETTINGS, "im_size_align": str(step)}))
    feed = feed_of(CPP, phase)
    twister = np.random.RandomState(3)
    draw = lambda: int(twister.randint(0, 1 << 32, 1, np.uint32)[0])  # noqa: E731
    order, at = boost_shuffle([0, 1], draw), 0
    for _ in range(7):
        at += 1
        if at == 2:
            order, at = boost_shuffle(order, draw), 0
        mirror = draw() % 2 == 1 and phase == "TRAIN"
        short = [24, 48][draw() % 2]
        image, boxes, scale = shown("ab"[order[at]], mirror, short, step)
        batch = next(feed)
        np.testing.assert_allclose(batch["data"][0], image, atol=1e-3)
        np.testing.assert_allclose(batch["gt_boxes"][..., 0, 0], boxes, rtol=1e-5)
        size = [[*image.shape[1:], scale]]
        np.testing.assert_allclose(batch["im_info"][..., 0, 0], size, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "changed", "what"),
    [
        ("", {}, "no image with a box"),
        ("# 0 a.png 0", {}, "has no box"),
        ("# 0 a.png 2 1 0 0 9 9 0", {}, "ends within the boxes"),
        ("0 a.png 1 1 0 0 9 9 0", {}, "begins with"),
        ("# 0 a.png 1 1 0 0 x 9 0", {}, "no numbers"),
        ("# 0 a.png 1 1 9 0 1 9 0", {}, "is none"),
        ("# 0 a.png 1 3 0 0 9 9 0", {}, "has the class 3"),
        ("# 0 x.png 1 1 0 0 9 9 0", {}, "x.png"),
        (LIST, {"use_haze_free": 1}, "use_haze_free"),
        (LIST, {"data_jitter": 0.2}, "data_jitter"),
        (LIST, {"scales": -1}, "not positive"),
        (LIST, {"rng_seed": "x"}, "rng_seed, no whole number"),
    ],
)
def test_what_the_layer_in_c_can_not_read_is_told(folder, text, changed, what):
    (folder / "list.txt").write_text(text)
    (folder / "settings.json").write_text(json.dumps({**SETTINGS, **changed}))
    with pytest.raises(NetError, match=what):
        feed_of(CPP)


def test_missing_settings_are_told(folder):
    (folder / "list.txt").write_text(LIST)
    with pytest.raises(NetError, match=r"'settings\.json'"):
        feed_of(CPP)


def test_a_folder_of_shapes_is_read(tmp_path):
    """The classes of a folder without a map are numbered by their names."""
    write_shapes(tmp_path / "s", train=6, test=1, size=64, seed=0, force=False)
    text = f"'num_classes': 4, 'source': '{tmp_path / 's'}', 'set': 'train', 'scales': [64]"
    feed = feed_of(python_layer(text), seed=0)
    for _ in range(12):
        batch = next(feed)
        assert batch["data"].shape == (1, 3, 64, 64)
        assert set(batch["gt_boxes"][:, 4]) <= {1, 2, 3}
