"""Boxes with landmarks, and a table of rows an image, of yuqj1991's fork."""

from __future__ import annotations

import numpy as np
import pytest

from protonet.diagnostics import NetError
from protonet.schema.pool import message_class
from tests.data.annotated_records import layer, pictures, record, write
from tests.data.annotated_reference import F, Layer

SIZED = {"height": 20, "width": 24}
PADDED = {**SIZED, "resize_mode": "FIT_LARGE_SIZE_AND_PAD"}
SAMPLER = {
    "sampler": {"min_scale": 0.4, "max_scale": 0.95, "min_aspect_ratio": 0.6},
    "sample_constraint": {"min_object_coverage": 0.3},
    "max_sample": 1,
}
CASES = {
    "resized": {"resize_param": SIZED},
    "padded, mirrored": {"resize_param": PADDED, "mirror": True},
    "cut, on a canvas": {
        "resize_param": SIZED,
        "mirror": True,
        "emit_constraint": {"emit_type": "CENTER"},
        "expand_param": {"prob": 0.5, "max_expand_ratio": 2.0},
    },
}


def faces(seed=3):
    """Pictures whose boxes have landmarks in or near them, but for some."""
    draw, made = np.random.default_rng(seed), pictures()
    for _, boxes in made:
        for box in boxes:
            low = np.array([box["x1"], box["y1"]]).clip(0.02, 0.8)
            spread = draw.uniform(0, 0.3, (5, 2))
            box["marks"] = list(F((low + spread).clip(0.01, 0.98)).ravel())
            if draw.random() < 0.2:
                box["marks"] = None
    return made


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = faces()
    write("db", [record(image, found) for image, found in made])
    return made


def rows_of(image, boxes):
    keys = ("label", "instance", "x1", "y1", "x2", "y2", "difficult")
    rows = []
    for box in boxes:
        marks = box.get("marks")
        rows.append(
            [image, *(box[key] for key in keys), *([1, *marks] if marks else [0, *[-1] * 10])]
        )
    return rows


@pytest.mark.parametrize("name", CASES)
def test_landmarks_go_where_the_fork_takes_them(database, feed_of, name):
    transform = CASES[name]
    cuts = "cut" in name
    fields = {"has_landmarks": True, "crop_type": "CROP_BATCH"} if cuts else {"has_landmarks": True}
    samplers = [SAMPLER] if cuts else []
    feed = feed_of(layer(transform, samplers, **fields), "TRAIN", seed=5)
    wanted = Layer(database, 3, 5, True, samplers, **transform)
    flags = []
    for _ in range(8):
        rows = []
        for image in range(3):
            _, boxes = wanted.one(*database[wanted.at % len(database)])
            wanted.at += 1
            rows += rows_of(image, boxes)
        found = next(feed)["label"]
        np.testing.assert_allclose(found[0, 0], np.array(rows or [[-1] * 19], F), atol=3e-7)
        flags += list(found[0, 0, :, 8])
    assert {0, 1} <= set(flags)


def test_a_table_of_rows_is_an_images_own(database, feed_of):
    sized = {"resize_param": SIZED}
    tables = feed_of(layer(sized, has_landmarks=True, yoloformat=True))
    together = feed_of(layer(sized, has_landmarks=True))
    short = feed_of(layer(sized, yoloformat=True))
    first = sum(len(found) for _, found in database[:1])
    assert tables.shapes["label"] == (3, 1, max(1, first), 19)
    for _ in range(3):
        rows, table = next(together)["label"][0, 0], next(tables)["label"]
        assert table.shape == (3, 1, len(rows), 19)
        for image in range(3):
            own = rows[rows[:, 0] == image]
            np.testing.assert_array_equal(table[image, 0, : len(own)], own)
            assert (table[image, 0, len(own) :] == -1).all()
        np.testing.assert_array_equal(next(short)["label"], table[..., :8])


def test_an_image_without_boxes_has_a_row_of_minus_one(tmp_path, monkeypatch, feed_of):
    monkeypatch.chdir(tmp_path)
    write("db", [record(image, []) for image, _ in pictures()])
    feed = feed_of(layer({"resize_param": SIZED}, yoloformat=True, has_landmarks=True, batch=2))
    assert (next(feed)["label"] == -np.ones((2, 1, 1, 19))).all()


def test_boxes_of_either_field_are_read(tmp_path, monkeypatch, feed_of):
    """SSD's records hold them in one field, yuqj1991's in another, with or without landmarks."""
    monkeypatch.chdir(tmp_path)
    made = [(image, found) for image, found in pictures() if found][:2]
    write("db", [record(image, found) for image, found in made])
    moved = []
    for image, found in made:
        given = message_class("AnnotatedDatum").FromString(record(image, found))
        given.annotation_group_with_landmarks.extend(given.annotation_group)
        given.ClearField("annotation_group")
        moved.append(given.SerializeToString())
    write("other", moved)
    for fields in ({}, {"has_landmarks": True}):
        sized = {"resize_param": SIZED}
        one, other = (feed_of(layer(sized, source=name, **fields)) for name in ("db", "other"))
        found = next(one)["label"]
        assert (found[..., 0] >= 0).all()
        np.testing.assert_array_equal(found, next(other)["label"])


@pytest.mark.parametrize(
    ("marks", "has_lm", "words"),
    [
        ([0.5] * 10, 2, "the has_lm of its box 0 is 2, not 0 or 1"),
        ([0.5, 0.5, -1, *[0.5] * 7], 1, "its box 0 has no landmarks in the image: 0.5, 0.5, -1"),
    ],
)
def test_records_with_wrong_landmarks(tmp_path, monkeypatch, feed_of, marks, has_lm, words):
    monkeypatch.chdir(tmp_path)
    image, (box, *_) = next((i, f) for i, f in pictures() if f)
    write("db", [record(image, [{**box, "marks": marks, "has_lm": has_lm}])])
    with pytest.raises(NetError, match=words) as caught:
        feed_of(layer({"resize_param": SIZED}, has_landmarks=True))
    assert caught.value.span is not None


@pytest.mark.usefixtures("database")
def test_sides_that_fit_small_move_no_landmarks(feed_of):
    sized = {"resize_param": {**SIZED, "resize_mode": "FIT_SMALL_SIZE"}}
    feed = feed_of(layer(sized, has_landmarks=True, batch=1))
    with pytest.raises(NetError, match="FIT_SMALL_SIZE does not move them"):
        [next(feed) for _ in range(7)]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("samplers", "fields", "words"),
    [
        ([SAMPLER], {"has_landmarks": True}, "without a crop_type does nothing in the fork of has"),
        ([], {"yoloformat": True, "yolo_data_type": 1}, "of another fork than yolo_data_type"),
    ],
)
def test_fields_that_do_not_go_together(feed_of, samplers, fields, words):
    with pytest.raises(NetError, match=words) as caught:
        feed_of(layer({"resize_param": SIZED}, samplers, **fields))
    assert caught.value.span is not None
