"""`protonet data annotated`: VOC, COCO and plain text become the fork's records, and are shown."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import lmdb
import numpy as np
import pytest
from click.testing import CliRunner
from google.protobuf import text_format

from protonet.cli.data import command
from protonet.diagnostics import NetError
from protonet.schema.pool import message_class

MARKS = {
    "a": [("dog", 2, 3, 20, 30, 0), ("cat", 0, 0, 10, 12, 1), ("dog", 5, 5, 9, 9, 0)],
    "b": [("cat", 1, 1, 40, 29, 0)],
    "c": [],
}


def run(*arguments, code=0):
    done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def fails(*arguments):
    with pytest.raises(NetError) as caught:
        run(*arguments)
    return str(caught.value)


def records(path="db"):
    opened = lmdb.open(str(path), readonly=True, lock=False)
    with opened as environment, environment.begin() as transaction:
        pairs = transaction.cursor()
        return {k.decode(): message_class("AnnotatedDatum").FromString(v) for k, v in pairs}


def label_map(path="labelmap.prototxt"):
    found = text_format.Parse(Path(path).read_text(), message_class("LabelMap")())
    return {item.label: (item.name, item.display_name) for item in found.item}


@pytest.fixture(autouse=True)
def images(tmp_path, monkeypatch):
    """Three images of other sizes."""
    monkeypatch.chdir(tmp_path)
    generator, made = np.random.RandomState(0), {}
    Path("photos").mkdir()
    for number, name in enumerate(MARKS):
        pixels = generator.randint(0, 256, (30 + number, 40 + 2 * number, 3)).astype(np.uint8)
        cv2.imwrite(f"photos/{name}.png", pixels)
        made[name] = pixels
    return made


def xml(marks, name="a.png"):
    boxes = "".join(
        f"<object><name>{c}</name><bndbox><xmin>{l}</xmin><ymin>{t}</ymin><xmax>{r}</xmax>"
        f"<ymax>{b}</ymax></bndbox><difficult>{d}</difficult></object>"
        for c, l, t, r, b, d in marks  # noqa: E741
    )
    return f"<annotation><filename>{name}</filename>{boxes}</annotation>"


@pytest.fixture
def voc():
    root = Path("VOC")
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "Annotations").mkdir()
    Path("photos").rename(root / "JPEGImages")
    for name, marks in MARKS.items():
        (root / "Annotations" / f"{name}.xml").write_text(xml(marks, f"{name}.png"))
    (root / "ImageSets" / "Main" / "val.txt").write_text("c\na\n")
    return root


def same(found, images, order, name, all_marks=MARKS):
    """Whether records are these images with their boxes, grouped by class in order of coming."""
    numbers = {"cat": 1, "dog": 2}
    keys = [f"{place:08d}_{name(one)}" for place, one in enumerate(order)]
    assert list(found) == keys
    for one, key in zip(order, keys, strict=True):
        record, pixels = found[key], images[one]
        assert record.type == 0
        assert record.datum.label == -1
        shape = record.datum.height, record.datum.width, record.datum.channels
        assert shape == pixels.shape
        decoded = cv2.imdecode(np.frombuffer(record.datum.data, np.uint8), -1)
        np.testing.assert_array_equal(decoded, pixels)
        labels = list(dict.fromkeys(numbers[mark[0]] for mark in all_marks[one]))
        assert [group.group_label for group in record.annotation_group] == labels
        for group in record.annotation_group:
            marks = [m for m in all_marks[one] if numbers[m[0]] == group.group_label]
            assert [a.instance_id for a in group.annotation] == list(range(len(marks)))
            for a, (_, *corners, difficult) in zip(group.annotation, marks, strict=True):
                box = [a.bbox.xmin, a.bbox.ymin, a.bbox.xmax, a.bbox.ymax]
                high, wide = pixels.shape[:2]
                found_at = np.array(box) * [wide, high, wide, high]
                np.testing.assert_allclose(found_at, corners, atol=1e-4)
                assert a.bbox.difficult == bool(difficult)


def test_voc(voc, images):
    done = run("annotated", voc, "-o", "db")
    assert done.stdout == "db: 3 records\n"
    assert "2 classes, in labelmap.prototxt" in done.stderr
    assert "4 boxes in 3 images" in done.stderr
    same(records(), images, "abc", lambda n: f"JPEGImages/{n}.png")
    background = ("none_of_the_above", "background")
    assert label_map() == {0: background, 1: ("cat", "cat"), 2: ("dog", "dog")}


def test_a_set_of_voc_in_its_order_by_the_map_that_lies_there(voc, images):
    run("annotated", voc, "-o", "db")
    done = run("annotated", voc, "--set", "val", "-o", "val")
    assert "classes are numbered as in labelmap.prototxt" in done.stderr
    same(records("val"), images, "ca", lambda n: f"JPEGImages/{n}.png")
    assert "did you mean 'val'?" in fails("annotated", voc, "--set", "vla", "-o", "x")


def coco(marks=MARKS, **changes):
    categories = [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}]
    names = {one["name"]: one["id"] for one in categories}
    annotations = [
        {
            "id": 100 + place,
            "image_id": image,
            "category_id": names[c],
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": d,
        }
        for place, (image, (c, left, top, right, bottom, d)) in enumerate(
            (number, mark) for number, one in enumerate(marks) for mark in marks[one]
        )
    ]
    found = {
        "images": [{"id": n, "file_name": f"{one}.png"} for n, one in enumerate(marks)],
        "annotations": annotations,
        "categories": categories,
    }
    Path("coco.json").write_text(json.dumps({**found, **changes}))
    return found


def test_coco(images):
    """Classes in the order of the categories; crowds are difficult."""
    coco()
    Path("labelmap.prototxt").write_text(
        'item { name: "cat" label: 1 } item { name: "dog" label: 2 }'
    )
    run("annotated", "photos", "--json", "coco.json", "-o", "db")
    same(records(), images, "abc", lambda n: f"{n}.png")
    Path("labelmap.prototxt").unlink()
    run("annotated", "photos", "--json", "coco.json", "-o", "new")
    assert label_map()[1] == ("dog", "dog")


def test_plain_text(images):
    numbers = {"cat": 1, "dog": 2}
    for name, marks in MARKS.items():
        lines = [f"{numbers[c]} {x} {y} {r} {b}\n" for c, x, y, r, b, _ in marks]
        Path(f"photos/{name}.txt").write_text("".join(lines))
    run("annotated", "photos", "-o", "db", "--shuffle", "--seed", 4)
    found = records()
    names = [key.split("_")[1] for key in found]
    assert sorted(names) == ["a.png", "b.png", "c.png"]
    easy = {one: [(*mark[:5], 0) for mark in marks] for one, marks in MARKS.items()}
    same(found, images, [name[0] for name in names], lambda n: f"{n}.png", easy)
    assert label_map()[2] == ("2", "2")


def test_darknet_counts_from_the_centre_and_from_class_0(images):
    high, wide = images["b"].shape[:2]
    Path("photos/b.txt").write_text(f"1 {20.5 / wide} {15 / high} {39 / wide} {28 / high}\n")
    Path("photos/classes.txt").write_text("tree\ncat\n")
    run("annotated", "photos", "--kind", "darknet", "-o", "db")
    (found,) = records().values()
    (group,) = found.annotation_group
    assert group.group_label == 2
    box = group.annotation[0].bbox
    corners = np.array([box.xmin, box.ymin, box.xmax, box.ymax]) * [wide, high, wide, high]
    np.testing.assert_allclose(corners, [1, 1, 40, 29], atol=1e-4)
    assert label_map()[1] == ("tree", "tree")


def test_a_list_of_images_and_annotations_of_any_kind(images):
    Path("photos/a.xml").write_text(xml(MARKS["a"]))
    one = {"annotation": [{"category_id": "cat", "bbox": [1, 1, 39, 28]}]}
    Path("photos/b.json").write_text(json.dumps(one))
    Path("photos/c.txt").write_text("")
    Path("list.txt").write_text("a.png a.xml\nb.png b.json\nc.png c.txt\n")
    run("annotated", "photos", "list.txt", "-o", "db")
    same(records(), images, "abc", lambda n: f"{n}.png")


@pytest.mark.parametrize("options", [["--raw"], ["--resize", "8x6"], ["--gray"]])
def test_pixels_raw_resized_and_gray(voc, images, options):
    run("annotated", voc, "-o", "db", *options)
    found = next(iter(records().values()))
    image = cv2.cvtColor(images["a"], cv2.COLOR_BGR2GRAY) if "--gray" in options else images["a"]
    image = cv2.resize(image, (6, 8)) if "--resize" in options else image
    planes = np.atleast_3d(image).transpose(2, 0, 1)
    assert (found.datum.channels, found.datum.height, found.datum.width) == planes.shape
    assert found.datum.encoded == ("--raw" not in options)
    if "--raw" in options:
        assert found.datum.data == planes.tobytes()
    else:
        decoded = cv2.imdecode(np.frombuffer(found.datum.data, np.uint8), -1)
        np.testing.assert_allclose(decoded, image, atol=1)
    box = found.annotation_group[0].annotation[0].bbox
    assert box.xmax == pytest.approx(20 / 40)


def put(path, content):
    Path(path).write_text(content)


WRONG = {
    "no width: xmin 20, xmax 2": lambda: put(
        "VOC/Annotations/b.xml", xml([("cat", 20, 3, 2, 9, 0)])
    ),
    "object 1 (cat) has no height": lambda: put(
        "VOC/Annotations/b.xml", xml([("cat", 2, 3, 9, 3, 0)])
    ),
    "has the xmin 'left', no number": lambda: put(
        "VOC/Annotations/b.xml", xml([("cat", "left", 3, 9, 8, 0)])
    ),
    "has the corners nan": lambda: put("VOC/Annotations/b.xml", xml([("cat", "nan", 3, 9, 8, 0)])),
    "object 1 has no class": lambda: put("VOC/Annotations/b.xml", xml([("", 2, 3, 9, 8, 0)])),
    "has no bndbox": lambda: put(
        "VOC/Annotations/b.xml", "<annotation><object><name>cat</name></object></annotation>"
    ),
    "b.xml is no XML": lambda: put("VOC/Annotations/b.xml", "<annotation><ob"),
    "begins with <html>, no annotation": lambda: put("VOC/Annotations/b.xml", "<html></html>"),
    "it defines entities": lambda: put("VOC/Annotations/b.xml", "<!DOCTYPE a []><annotation/>"),
    "b.png of VOC/Annotations/b.xml can't be taken: no such file": lambda: Path(
        "VOC/JPEGImages/b.png"
    ).unlink(),
    "can't be taken: OpenCV can't decode it": lambda: put("VOC/JPEGImages/b.png", "no image"),
}


@pytest.mark.usefixtures("voc")
@pytest.mark.parametrize("words", WRONG)
def test_one_error_of_a_wrong_file_and_nothing_is_left(words):
    WRONG[words]()
    before = sorted(Path().iterdir())
    shown = fails("annotated", "VOC", "-o", "db")
    assert words in shown
    assert "b." in shown
    assert sorted(Path().iterdir()) == before
    if "XML" not in words and "entities" not in words and "html" not in words:
        done = run("annotated", "VOC", "-o", "db", "--skip-broken")
        assert "left out: " in done.stderr


def without(key):
    found = coco()
    del found["annotations"][0][key]
    return {"annotations": found["annotations"]}


def changed(key, value):
    found = coco()
    found["annotations"][0][key] = value
    return {"annotations": found["annotations"]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda: {"images": 3}, "has no list 'images'"),
        (lambda: {"annotations": [3]}, "annotations[0] is no JSON object"),
        (lambda: {"categories": [{"id": 1}]}, "category 0 has no name"),
        (lambda: without("bbox"), "annotation 100 has no bbox of 4 numbers"),
        (lambda: without("category_id"), "annotation 100 has no category_id"),
        (lambda: without("image_id"), "annotation 0 has no image_id"),
        (lambda: changed("category_id", 99), "the category_id 99, which is no category"),
        (lambda: changed("image_id", 99), "annotations of the image 99, which is none of its own"),
        (lambda: changed("bbox", [1, 2, "x", 4]), "has the bbox 'x', no number"),
        (lambda: changed("bbox", [1, 2, -3, 4]), "annotation 100 has no width"),
        (lambda: changed("bbox", [1, 2, float("nan"), 4]), "has the corners 1, 2, nan, 6"),
    ],
)
def test_one_error_of_a_wrong_json(changes, words):
    coco(**changes())
    shown = fails("annotated", "photos", "--json", "coco.json", "-o", "db")
    assert words in shown
    assert "coco.json" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 2 3 4", "line 1 has 4 words, not label xmin ymin xmax ymax"),
        ("cat 2 3 4 5", "line 1 has the label 'cat', no whole number"),
        ("0 2 3 4 5", "line 1 has the label 0: they count from 1"),
        ("1 2 3 4 y", "line 1 has the ymax 'y', no number"),
        ("1 9 3 4 5", "line 1 has no width"),
    ],
)
def test_one_error_of_a_wrong_line(line, words):
    Path("photos/a.txt").write_text(line + "\n")
    assert f"photos/a.txt: {words}" in fails("annotated", "photos", "-o", "db")


def test_texts_that_are_none():
    for text in ("{", "[" * 100_000):
        put("coco.json", text)
        assert "is no JSON" in fails("annotated", "photos", "--json", "coco.json", "-o", "x")
    assert "has no image with a .txt" in fails("annotated", "photos", "-o", "x")
    assert "nowhere can't be read" in fails("annotated", "nowhere", "-o", "x")
    put("photos/a.json", "{}")
    assert "name it: --json FILE" in fails("annotated", "photos", "-o", "x")


def test_classes_that_a_map_has_not(voc):
    put("map.prototxt", 'item { name: "cow" label: 1 display_name: "cow" }')
    shown = fails("annotated", voc, "-o", "db", "--label-map", "map.prototxt")
    assert "VOC/Annotations/a.xml: map.prototxt has no class 'dog'" in shown
    put("map.prototxt", 'item { name: "cat" label: 1 } item { name: "cat" label: 2 }')
    shown = fails("annotated", voc, "-o", "db", "--label-map", "map.prototxt")
    assert "gives 'cat' two labels, 1 and 2" in shown
    put("map.prototxt", "item { nam")
    assert "map.prototxt:1" in fails("annotated", voc, "-o", "db", "--label-map", "map.prototxt")


def test_boxes_beyond_their_image_are_told(voc):
    put("VOC/Annotations/b.xml", xml([("cat", 2, 3, 99, 9, 0)]))
    done = run("annotated", voc, "-o", "db")
    assert "a box reaches beyond the image, kept" in done.stderr
    assert "b.xml: cat at 2, 3, 99, 9" in done.stderr


def test_show_tells_classes_and_draws_boxes(voc):
    run("annotated", voc, "-o", "db")
    done = run("show", "db", "--sheet", "sheet.png", "--first", 1)
    lines = done.stdout.splitlines()
    assert "4 boxes, 3 of one image at most, 1 images without any, 1 difficult" in lines
    assert any(line.split()[:3] == ["1", "cat", "2"] for line in lines)
    assert "00000000_JPEGImages/a.png  3x30x40  png  3 boxes" in lines
    assert "  dog     0.050  0.100  0.500  1.000" in lines
    assert "sheet.png: the first 3 images" in done.stderr
    drawn, plain = cv2.imread("sheet.png"), 255
    assert (drawn != plain).any()
    # The first image is as wide as its cell of 256: its dog's left edge is at 0.05 of that.
    edge = drawn[6 + (256 - 192) // 2 + 60, 6 + 13]
    assert edge.tolist() == [230, 120, 30]


def test_drawn_shapes_lie_in_their_boxes():
    """The light pixels of a picture with one shape reach to its box's edges."""
    done = run("shapes", "-o", "drawn", "--train", 12, "--test", 4, "--size", 64, "--seed", 3)
    run("shapes", "-o", "again", "--train", 12, "--test", 4, "--size", 64, "--seed", 3)
    total = 0
    for path in sorted(Path("drawn/Annotations").iterdir()):
        assert path.read_bytes() == Path("again/Annotations", path.name).read_bytes()
        tree = ET.parse(path).getroot()
        boxes = [[int(side.text) for side in box] for box in tree.iter("bndbox")]
        total += len(boxes)
        assert {element.text for element in tree.iter("name")} <= {"circle", "square", "triangle"}
        if len(boxes) == 1:
            image = cv2.imread(f"drawn/JPEGImages/{path.stem}.jpg")
            y, x = np.nonzero(image.min(2) > 150)
            light = [x.min(), y.min(), x.max() + 1, y.max() + 1]
            np.testing.assert_allclose(light, boxes[0], atol=3)
    assert done.stdout == f"drawn: 16 images with {total} boxes\n"
    assert Path("drawn/ImageSets/Main/test.txt").read_text().split() == [
        f"{number:06d}" for number in range(12, 16)
    ]
    assert not Path("drawn/solver.prototxt").exists()


def test_the_mean_of_images_with_boxes(voc, images):
    run("annotated", voc, "-o", "db", "--resize", "8x6")
    done = run("mean", "db")
    stored = [cv2.imdecode(np.frombuffer(r.datum.data, np.uint8), -1) for r in records().values()]
    means = np.mean(stored, (0, 1, 2))
    assert len(stored) == len(images)
    shown = [float(line.removeprefix("mean_value: ")) for line in done.stdout.splitlines()]
    np.testing.assert_allclose(shown, means, rtol=1e-5)
