"""BoxData against its forks' loops in box_data_reference.py, and what it refuses."""

from __future__ import annotations

import json

import box_data_reference as reference
import cv2
import numpy as np
import pytest

from protonet.diagnostics import NetError
from protonet.schema.pool import message_class
from tests.data.annotated_records import write

SIZE = (24, 32)


def records(truths, seed=0, **fields):
    draw = np.random.RandomState(seed)
    pictures, values = [], []
    for rows in truths:
        image = cv2.resize(draw.randint(0, 256, (5, 5, 3)).astype(np.uint8), SIZE[::-1])
        datum = message_class("Datum")(encoded=True, **fields)
        datum.data = cv2.imencode(".png", image)[1].tobytes()
        datum.float_data.extend(np.ravel(rows).tolist())
        pictures.append(image)
        values.append(datum.SerializeToString())
    return pictures, values


def random_truths(count=5, seed=0):
    draw = np.random.RandomState(seed)
    found = []
    for number in range(count):
        rows = draw.uniform(0.1, 0.9, (number % 3 + 1, 6))
        rows[:, 0], rows[:, 1] = draw.randint(0, 4, len(rows)), draw.randint(0, 2, len(rows))
        found.append(rows.astype(np.float32).astype(float))
    return found


READERS = {
    "yolov2": 'type: "RegionLoss" bottom: "x" bottom: "l0"',
    "yolo": 'type: "DetectionLoss" bottom: "x" bottom: "l0"',
    "judged": 'type: "EvalDetection" bottom: "x" bottom: "l0" eval_detection_param { biases: 1 }',
}


def net(fields="", transform="", reader="yolov2", tops=2, batch=3):
    named = " ".join(f'top: "{top}"' for top in ("data", "l0", "l1")[:tops])
    text = f'layer {{ name: "d" type: "BoxData" {named} transform_param {{ {transform} }} '
    text += f'data_param {{ source: "db" backend: LMDB batch_size: {batch} {fields} }} }}'
    return text + (f' layer {{ name: "r" top: "r" {READERS[reader]} }}' if reader else "")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("transform", ["", "mirror: true", "crop_size: 20 mean_value: 9"])
def test_windows_and_boxes_are_the_forks(feed_of, phase, transform):
    truths = random_truths()
    pictures, values = records(truths)
    write("db", values)
    feed, rand = feed_of(net(transform=transform), phase, seed=5), reference.Rand(5)
    other = feed_of(net(transform=transform), phase, seed=6)
    assert feed.shapes["l0"] == (3, 150)
    crop = 20 if "crop" in transform else 0
    options = {"crop": crop, "mirror": "mirror" in transform, "mean": 9.0 if crop else 0.0}
    for start in range(0, 12, 3):
        places = [(start + i) % len(pictures) for i in range(3)]
        some = [pictures[i] for i in places], [truths[i] for i in places]
        images, boxes = reference.batch(*some, rand, phase == "TRAIN", **options)
        other.restore(json.loads(json.dumps(feed.state())))
        for found in (next(feed), next(other)):
            np.testing.assert_array_equal(found["data"], images)
            np.testing.assert_allclose(found["l0"], reference.of_yolov2(boxes), rtol=1e-6)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_the_first_yolos_cells(feed_of, phase):
    truths = random_truths(seed=3)
    pictures, values = records(truths)
    write("db", values)
    fields = "side: 3 side: 5"
    feed, rand = feed_of(net(fields, "", "yolo", 3), phase, seed=2), reference.Rand(2)
    assert (feed.shapes["l0"], feed.shapes["l1"]) == ((3, 63), (3, 175))
    _, boxes = reference.batch(pictures[:3], truths[:3], rand, phase == "TRAIN")
    found = next(feed)
    for top, side in (("l0", 3), ("l1", 5)):
        np.testing.assert_allclose(found[top], reference.of_yolo(boxes, side), rtol=1e-6)


@pytest.mark.usefixtures("folder")
def test_what_reads_the_boxes_tells_their_form(feed_of):
    write("db", records(random_truths())[1])
    assert feed_of(net(reader="judged")).shapes["l0"] == (3, 150)
    assert feed_of(net(reader="yolo")).shapes["l0"] == (3, 343)
    assert feed_of(net(reader="", tops=1)).shapes == {"data": (3, 3, *SIZE)}
    with pytest.raises(NetError, match="what reads 'l0' does not tell"):
        feed_of(net(reader=""))
    with pytest.raises(NetError, match="2 sides take 2 tops behind the images, not 1"):
        feed_of(net("side: 3 side: 5"))


BOX = [1, 0, 0.5, 0.5, 0.2, 0.2]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("rows", "phase", "told"),
    [
        ([], "TEST", "it has no true boxes"),
        (BOX[:5], "TEST", "its true boxes are 5 numbers"),
        ([-1, *BOX[1:]], "TEST", "of a class below 0"),
        ([1, 0, float("nan"), 0.5, 0.2, 0.2], "TEST", "or no number"),
        (BOX * 31, "TEST", "it has 31 true boxes, and the fork has places for 30"),
        ([1, 0, 0.99, 0.5, 0.2, 0.2], "TRAIN", "none of its boxes has its center in 24x32"),
    ],
)
def test_records_that_cannot_be_taken(feed_of, rows, phase, told):
    write("db", records([rows])[1])
    with pytest.raises(NetError, match="record 0") as caught:
        next(feed_of(net(batch=1), phase, seed=0))
    assert told in caught.value.message


@pytest.mark.usefixtures("folder")
def test_a_center_off_the_image_has_no_cell(feed_of):
    write("db", records([[1, 0, -0.1, 0.5, 0.2, 0.2]])[1])
    with pytest.raises(NetError, match="left of the image or above it"):
        next(feed_of(net(reader="yolo", batch=1)))
