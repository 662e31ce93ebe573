"""Windows around a box of a resized image, of yuqj1991's fork, by numpy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from protonet.diagnostics import NetError
from tests.data.annotated_records import layer, pictures, record, write
from tests.data.annotated_reference import F, Twister, annotations, box_of, coverage
from tests.data.test_annotated_draws import cut_out

SIZED = {"height": 20, "width": 24}
RANGES = [(4, 8, 1), (8, 12, 2), (12, 16, 2), (16, 24, 3), (24, 40, 4)]
FIELDS = {
    "crop_type": "CROP_GT_BBOX",
    "bbox_sampler": {
        "box": [
            {"bbox_small_scale": low, "bbox_large_scale": high, "ancher_stride": stride}
            for low, high, stride in RANGES
        ]
    },
}


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [(image, found) for image, found in pictures() if found]
    write("db", [record(image, found) for image, found in made])
    return made


def sampled(twister, boxes, size, net):
    """GenerateLFFDSample: the size of the resized image and a window of it."""
    high, wide = size
    box = boxes[twister.rand() % len(boxes)]
    across = box["x2"] * F(wide) - box["x1"] * F(wide)
    longer = max(across, box["y2"] * F(high) - box["y1"] * F(high))
    place = 0
    if longer > RANGES[0][0]:
        if longer <= RANGES[1][0]:
            place = twister.rand() % 2
        elif longer <= RANGES[2][0]:
            place = twister.rand() % 3
        elif longer >= RANGES[4][0]:
            place = 4
        elif RANGES[3][0] <= longer < RANGES[4][0]:
            place = 3
    low, top, stride = RANGES[place]
    side = top + twister.rand() % (top // 2) if place == 4 else low + twister.rand() % (top - low)
    scale = F(side) / longer
    tall, broad = int(scale * F(high)), int(scale * F(wide))
    x = (box["x1"] * F(broad) + box["x2"] * F(broad)) / F(2) + twister.uniform(-stride, stride)
    y = (box["y1"] * F(tall) + box["y2"] * F(tall)) / F(2) + twister.uniform(-stride, stride)
    half = F(net[0] // 2), F(net[1] // 2)
    left, right = (x - half[1]) / F(broad), (x + half[1]) / F(broad)
    window = box_of(left, (y - half[0]) / F(tall), right, (y + half[0]) / F(tall))
    if any(coverage(one, window) >= F(0.85) for one in boxes):
        return (tall, broad), window, place
    return None, box_of(0, 0, 1, 1), place


@pytest.mark.parametrize("net", [(20, 24), (11, 14)])
def test_windows_around_a_box(database, feed_of, net):
    sized, seed = {"height": net[0], "width": net[1]}, 3
    feed = feed_of(layer({"resize_param": sized}, batch=1, **FIELDS), "TRAIN", seed=seed)
    main = Twister(seed)
    main.rand()
    twister = Twister(main.rand())
    seen = set()
    for number in range(40):
        image, boxes = database[number % len(database)]
        zoom, window, place = sampled(twister, boxes, image.shape[:2], net)
        seen.add((place, zoom is None))
        if zoom:
            image = cv2.resize(image, zoom[::-1], interpolation=cv2.INTER_CUBIC)
            boxes = [{**box, "instance": 0} for box in boxes]
            for box in boxes:
                box["x1"], box["y1"] = max(box["x1"], F(0)), max(box["y1"], F(0))
                box["x2"], box["y2"] = min(box["x2"], F(1)), min(box["y2"], F(1))
        part = cut_out(image, window, clips=False)
        boxes = annotations(boxes, window)
        boxes = annotations(boxes, box_of(0, 0, 1, 1), None, False, sized, part.shape[:2])
        batch = next(feed)
        resized = cv2.resize(part, net[::-1]).transpose(2, 0, 1)
        np.testing.assert_array_equal(batch["data"][0], resized)
        keys = ("label", "instance", "x1", "y1", "x2", "y2", "difficult")
        rows = [[0, *(box[key] for key in keys)] for box in boxes] or [[-1] * 8]
        np.testing.assert_allclose(batch["label"][0, 0], np.array(rows, F), atol=3e-7)
    assert {place for place, _ in seen} >= {0, 1, 2, 3}
    assert {whole for _, whole in seen} == ({False} if net[0] == 20 else {True, False})


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bbox_sampler": {"box": FIELDS["bbox_sampler"]["box"][:2]}}, "3 boxes or more, not 2"),
        ({"bbox_sampler": {"box": [{"bbox_small_scale": 5}] * 3}}, "are no range from 0 up"),
    ],
)
def test_ranges_that_are_none(feed_of, fields, words):
    with pytest.raises(NetError, match=words) as caught:
        feed_of(layer({"resize_param": SIZED}, **{**FIELDS, **fields}))
    assert caught.value.span is not None


def test_an_image_without_a_box_is_told(tmp_path, monkeypatch, feed_of):
    monkeypatch.chdir(tmp_path)
    write("db", [record(image, []) for image, _ in pictures()])
    feed = feed_of(layer({"resize_param": SIZED}, **FIELDS), "TRAIN")
    with pytest.raises(NetError, match="it has no box, and bbox_sampler goes by one"):
        next(feed)
