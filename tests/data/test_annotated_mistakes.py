"""What `protonet data annotated` refuses or tells, lest boxes become others without a word."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from click.testing import CliRunner

from protonet.cli.data import command
from protonet.data.detection.label_map import LabelMap
from protonet.diagnostics import NetError
from protonet.schema.pool import message_class

HIGH, WIDE = 30, 40


def made(*arguments):
    """What is said, of a run that succeeds."""
    given = ["annotated", *map(str, arguments), "-o", "db"]
    done = CliRunner().invoke(command, given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stderr


def refused(*arguments):
    """The error; nothing is left beside what there was."""
    before = sorted(Path().iterdir())
    with pytest.raises(NetError) as caught:
        made(*arguments)
    assert sorted(Path().iterdir()) == before
    return str(caught.value)


def boxes():
    """Label, corners in parts of the image and difficult of all boxes of db."""
    with lmdb.open("db", readonly=True, lock=False) as opened, opened.begin() as transaction:
        records = [message_class("AnnotatedDatum").FromString(v) for _, v in transaction.cursor()]
    pairs = [(g, a.bbox) for r in records for g in r.annotation_group for a in g.annotation]
    return [(g.group_label, (b.xmin, b.ymin, b.xmax, b.ymax), bool(b.difficult)) for g, b in pairs]


@pytest.fixture(autouse=True)
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("VOC/Annotations").mkdir(parents=True)
    Path("VOC/JPEGImages").mkdir()
    for name in "ab":
        cv2.imwrite(f"VOC/JPEGImages/{name}.png", np.zeros((HIGH, WIDE, 3), np.uint8))


def box(corners=(4, 3, 20, 15)):
    sides = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    return f"<bndbox>{''.join(f'<{s}>{v}</{s}>' for s, v in sides)}</bndbox>"


def marked(inner, head=""):
    text = f"<annotation><filename>a.png</filename>{head}<object>{inner}</object></annotation>"
    Path("VOC/Annotations/a.xml").write_text(text)


def size(width, height):
    return f"<size><width>{width}</width><height>{height}</height></size>"


@pytest.mark.parametrize(
    ("said", "difficult"),
    [("1", True), ("0", False), ("", False), ("True", True), (" false ", False)],
)
def test_whether_a_box_is_difficult(said, difficult):
    marked(f"<name>cat</name><difficult>{said}</difficult>{box()}")
    made("VOC")
    assert [found[2] for found in boxes()] == [difficult]


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (f"<name>cat</name><difficult>yes</difficult>{box()}", "has the difficult 'yes', neither"),
        (f"<name>cat</name>{box()}{box((1, 1, 9, 9))}", "object 1 (cat) has 2 bndbox, not one"),
        (f"<name>none_of_the_above</name>{box()}", "SSD's name of the background"),
        (f"<name>cat</name>{box((0.1, 0.2, 0.5, 0.75))}", "0.1, 0.2, 0.5, 0.75, within one pixel"),
        (f"<name>cat</name>{box(('1_0', 3, 20, 15))}", "has the xmin '1_0', no number"),
    ],
)
def test_objects_that_say_no_one_box(inner, words):
    marked(inner)
    assert words in refused("VOC")


def test_boxes_are_parts_of_the_size_that_is_stated_with_them():
    """As SSD's tool has it, which warns; an image without a stated size is as large as it is."""
    marked(f"<name>cat</name>{box((8, 6, 40, 30))}", size(2 * WIDE, 2 * HIGH))
    said = made("VOC")
    assert "an image is of another size than is stated" in said
    assert "VOC/JPEGImages/a.png is 40x30, and VOC/Annotations/a.xml says 80x60" in said
    np.testing.assert_allclose(boxes()[0][1], [0.1, 0.1, 0.5, 0.5])


@pytest.mark.parametrize("head", [size(WIDE, HIGH), size(0, 0), size("", "x"), ""])
def test_boxes_are_parts_of_the_image_where_nothing_else_is_stated(head):
    marked(f"<name>cat</name>{box((8, 6, 20, 15))}", head)
    assert "size" not in made("VOC")
    np.testing.assert_allclose(boxes()[0][1], [0.2, 0.2, 0.5, 0.5])


def test_a_size_the_other_way_round_is_a_slip():
    """The boxes are in pixels of the image."""
    marked(f"<name>cat</name>{box((8, 6, 20, 15))}", size(HIGH, WIDE))
    assert "says 30x40, the other way round" in made("VOC")
    np.testing.assert_allclose(boxes()[0][1], [0.2, 0.2, 0.5, 0.5])


def test_an_image_that_is_turned_as_it_is_shown_is_refused():
    """Its boxes may be those of what lies in the file, or of what is shown."""
    _, data = cv2.imencode(".jpg", np.zeros((HIGH, WIDE, 3), np.uint8))
    orientation = b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + orientation + b"\0\0\0\0"
    head = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    Path("VOC/JPEGImages/a.png").write_bytes(data.tobytes()[:2] + head + data.tobytes()[2:])
    marked(f"<name>cat</name>{box()}", size(HIGH, WIDE))
    assert "its boxes are of 30x40, it is 40x30, to be turned as it is shown" in refused("VOC")


def coco(images=2, names=("cat", "dog"), **changes):
    return {
        "images": [{"id": n, "file_name": f"{'ab'[n]}.png"} for n in range(images)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
        "annotations": [{"image_id": 0, "category_id": 1, "bbox": [4, 3, 16, 12], **changes}],
    }


def of_coco(found):
    Path("coco.json").write_text(json.dumps(found))
    return "VOC/JPEGImages", "--json", "coco.json"


def twice(key):
    found = coco()
    found[key].append(found[key][0])
    return found


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (twice("images"), "image 2 has the id 0, as one before it"),
        (twice("categories"), "category 2 has the id 0, as one before it"),
        (coco(names=("cat", "cat")), "two classes are called 'cat'"),
        (coco(names=("c\ud800t", "cat")), "which is half of a character"),
        (coco(iscrowd="maybe"), "has the iscrowd 'maybe', neither 0 nor 1"),
        (coco(iscrowd=2), "has the iscrowd '2', neither 0 nor 1"),
        (coco(iscrowd=[1]), "has the iscrowd '[1]', neither 0 nor 1"),
        (coco(names=("cat", "none_of_the_above")), "SSD's name of the background"),
    ],
)
def test_a_json_that_says_two_things(found, words):
    assert words in refused(*of_coco(found))


@pytest.mark.parametrize("crowd", [0, 1, "0", "1", False, True, None])
def test_crowds(crowd):
    made(*of_coco(coco(iscrowd=crowd)))
    assert [found[2] for found in boxes()] == [bool(int(crowd or 0))]


def test_the_background_among_the_categories_is_none_of_the_classes():
    made(*of_coco(coco(names=("none_of_the_above", "cat"))))
    assert [found[0] for found in boxes()] == [1]
    assert LabelMap.read(Path("labelmap.prototxt")).names() == {0: "background", 1: "cat"}


def test_the_size_of_a_json():
    found = coco()
    found["images"][0].update(width=80, height=60)
    assert "says 80x60" in made(*of_coco(found))
    np.testing.assert_allclose(boxes()[0][1], [0.05, 0.05, 0.25, 0.25])


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("0", "1"), 2),  # numbers from 0 on: 0 would be the background
        (("7", "3"), 3),  # numbers that labels may be
        (("7", "03"), 2),
        (("7", "99999999999"), 2),  # more than a label may be
    ],
)
def test_classes_whose_names_are_numbers(names, label):
    made(*of_coco(coco(names=names)))
    assert [found[0] for found in boxes()] == [label]
    assert LabelMap.read(Path("labelmap.prototxt")).numbers[names[1]] == label


def darknet(line, names=""):
    Path("VOC/JPEGImages/a.txt").write_text(line)
    if names:
        Path("VOC/JPEGImages/classes.txt").write_text(names)
    return "VOC/JPEGImages", "--kind", "darknet"


@pytest.mark.parametrize(
    ("line", "names", "words"),
    [
        ("1 0.5 0.5 0.1 0.1", "cat\n\ndog\n", "classes.txt: line 2 names no class"),
        ("1 0.5 0.5 0.1 0.1", "cat\ncat\n", "two classes are called 'cat'"),
        ("1 20 15 5 5", "", "line 1 has its centre at 20, 15, and counts in parts of the image"),
        ("0 0.5 0.5 0.1 0.1", "none_of_the_above\ncat\n", "SSD's name of the background"),
    ],
)
def test_darknet_that_means_something_else(line, names, words):
    assert words in refused(*darknet(line, names))


def test_the_digits_of_darknet_are_no_background():
    made(*darknet("0 0.5 0.5 0.1 0.1\n", "0\n1\n2\n\n"))
    assert [found[0] for found in boxes()] == [1]


def test_a_map_that_makes_a_class_the_background():
    Path("map.prototxt").write_text('item { name: "cat" label: 0 }')
    marked(f"<name>cat</name>{box()}")
    shown = refused("VOC", "--label-map", "map.prototxt")
    assert "map.prototxt gives 'cat' the label 0: they count from 1" in shown
