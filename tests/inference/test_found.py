"""What run finds: boxes and classes of places where they were put, their names, their pictures."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from found_nets import ARGMAX, DETECTOR, POOL, SEGMENTER, SOFTMAX

import protonet
from protonet.api import graph
from protonet.cli import group
from protonet.data.classification import Sight
from protonet.diagnostics import NetError
from protonet.inference.boxes import found_boxes
from protonet.inference.kinds import chosen_blob, meaning
from protonet.inference.names import FOLDER, names_given
from protonet.inference.paint import color_of

cv2 = pytest.importorskip("cv2")

# Scores of background, red and blue from BGR.
WEIGHT = np.array([[-0.1, -0.1, -0.1], [-0.1, 0, 0.2], [0.2, 0, -0.1]]).reshape(3, 3, 1, 1)
CONF = [WEIGHT, np.array([5.0, 0, 0])]
RED, BLUE = (0, 0, 255), (255, 0, 0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nets = {"cells": DETECTOR, "soft": SEGMENTER + SOFTMAX, "most": SEGMENTER + ARGMAX,
            "raw": SEGMENTER}  # fmt: skip
    for name, text in nets.items():
        Path(f"{name}.prototxt").write_text(text)
        net = protonet.compile(text)
        blobs = {"conf": CONF}
        if name == "cells":
            blobs["loc"] = [np.zeros((4, 3, 1, 1)), np.zeros(4)]
        protonet.load_blobs(net, blobs)
        protonet.save(net, f"{name}.caffemodel")
    Path("names.txt").write_text("background\nfire truck\n=sea()\n")
    return tmp_path


def run(name, *arguments):
    command = ["run", f"{name}.prototxt", "--weights", f"{name}.caffemodel", *arguments]
    done = CliRunner().invoke(group, command)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def picture(name, *patches, size=(80, 120)):
    image = np.zeros((*size, 3), np.uint8)
    for left, top, right, bottom, color in patches:
        image[top:bottom, left:right] = color
    cv2.imwrite(name, image)
    return image


@pytest.mark.usefixtures("folder")
def test_boxes_are_in_pixels_of_the_image():
    picture("i.png", (60, 20, 90, 40, RED), (0, 60, 30, 80, BLUE))
    lines = run("cells", "i.png", "--labels", "names.txt").stdout.splitlines()
    assert lines[0] == "i.png (120x80): 2 boxes"
    assert lines[1].split() == ["score", "label", "left", "top", "right", "bottom"]
    assert sorted(re.sub(r"^ +[\d.]+ +", "", line) for line in lines[2:]) == [
        "=sea()         0   60     30      80",
        "fire truck    60   20     90      40",
    ]


@pytest.mark.usefixtures("folder")
def test_boxes_of_a_centre_are_moved_back():
    picture("i.png", (60, 20, 80, 40, RED))
    row = run("cells", "i.png", "--short-side", "40").stdout.splitlines()[2].split()
    assert row[1:] == ["class", "1", "60", "20", "80", "40"]


@pytest.mark.usefixtures("folder")
def test_below_the_threshold_something_is_said():
    picture("i.png", (60, 20, 90, 40, (0, 0, 12)))
    done = run("cells", "i.png")
    assert done.stdout == "i.png (120x80): 0 boxes\n"
    exponents = np.exp([5 - 0.1 * 12, 0.2 * 12, -0.1 * 12])
    score = f"{exponents[1] / exponents.sum():.4f}"
    assert f"i.png: 1 box below 0.5, the best has {score}: --threshold shows more" in done.stderr
    assert score in run("cells", "i.png", "--threshold", "0.1").stdout
    picture("i.png")
    done = run("cells", "i.png")
    assert "below" not in done.stderr


@pytest.mark.usefixtures("folder")
def test_a_picture_of_boxes():
    image = picture("i.png", (240, 80, 360, 160, RED), size=(320, 480))
    run("cells", "i.png", "--labels", "names.txt", "--out", "found.png")
    drawn = cv2.imread("found.png")
    assert drawn.shape == image.shape
    color = np.array(color_of(1))
    for y, x in ((160, 300), (120, 240), (120, 360)):  # below, left and right of it
        np.testing.assert_array_equal(drawn[y, x], color)
    label = drawn[50:79, 242:330].reshape(-1, 3)
    assert (label == color).all(1).mean() > 0.3  # a ground, and words on it
    assert (label != color).any(1).mean() > 0.05
    np.testing.assert_array_equal(drawn[200:], image[200:])
    np.testing.assert_array_equal(cv2.imread("i.png"), image)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "labels"), [("soft", []), ("most", []), ("raw", ["names.txt"])])
def test_the_shares_of_places(name, labels):
    picture("i.png", (0, 0, 60, 80, RED), (60, 0, 90, 80, BLUE))
    given = ["--labels", *labels] if labels else []
    lines = run(name, "i.png", *given).stdout.splitlines()
    assert lines[0] == "i.png (120x80): 3 classes"
    named = ["fire truck", "background", "=sea()"] if labels else ["class 1", "class 0", "class 2"]
    shares = {line.split(maxsplit=1)[1]: float(line.split("%")[0]) for line in lines[2:]}
    assert shares == {named[0]: 50.0, named[1]: 25.0, named[2]: 25.0}


@pytest.mark.usefixtures("folder")
def test_a_picture_of_places():
    image = picture("i.png", (0, 0, 240, 320, RED), size=(320, 480))
    run("soft", "i.png", "--labels", "names.txt", "--out", "places.png")
    drawn = cv2.imread("places.png")
    np.testing.assert_array_equal(drawn[:320, 260:], image[:, 260:])  # the background stays
    mixed = np.array(RED) * 0.45 + np.array(color_of(1)) * 0.55
    np.testing.assert_allclose(drawn[100, 100], mixed, atol=1)
    legend = drawn[320:]
    assert len(legend) > 20
    assert (legend == np.array(color_of(1))).all(2).any()
    assert (legend.max(2) < 90).any()  # words


@pytest.mark.usefixtures("folder")
def test_a_folder_is_a_csv_and_pictures():
    Path("photos").mkdir()
    picture("photos/a.png", (60, 20, 90, 40, RED))
    picture("photos/b.png", (0, 60, 30, 80, BLUE))
    done = run("cells", "photos", "--labels", "names.txt")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["image"] for row in rows] == ["photos/a.png", "photos/b.png"]
    assert [row["label"] for row in rows] == ["fire truck", "'=sea()"]  # a spreadsheet runs none
    corners = [float(rows[0][side]) for side in ("left", "top", "right", "bottom")]
    np.testing.assert_allclose(corners, [60, 20, 90, 40], atol=0.01)
    assert run("cells", "photos", "--labels", "names.txt", "--out", "a.csv").stdout == ""
    assert Path("a.csv").read_text() == done.stdout
    assert "2 pictures in drawn/" in run("cells", "photos", "--out", "drawn/").stderr
    assert sorted(p.name for p in Path("drawn").iterdir()) == ["a.png", "b.png"]


@pytest.mark.usefixtures("folder")
def test_a_broken_image_in_a_folder_is_passed_over_and_told():
    Path("photos").mkdir()
    Path("photos/a.png").write_bytes(b"no image")
    picture("photos/b.png", (0, 60, 30, 80, BLUE))
    with pytest.raises(NetError, match="1 of 2 images can't be read"):
        run("cells", "photos", "--out", "a.csv")
    assert len(Path("a.csv").read_text().splitlines()) == 2


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("raw", ["--out", "x.png"], "a picture shows boxes, or a class in each place"),
    ("raw", ["--labels", "voc"], "is not known to be scores of classes"),
    ("cells", ["--labels", "voc"], "voc names 20 or 21 classes, but the net has 3"),
    ("cells", ["--labels", "gone.txt"], "gone.txt can't be read"),
    ("cells", ["--out", "x.npy"], "one array"),
    ("cells", ["--out", "i.png"], "i.png is itself to be read"),
    ("cells", ["i.png", "--out", "x.png"], "x.png is one picture, and there are 2 images"),
])  # fmt: skip
def test_what_can_not_be_is_told_before_the_net_runs(name, arguments, message):
    picture("i.png")
    Path(f"{name}.caffemodel").write_bytes(b"")  # not even looked at
    with pytest.raises(NetError, match=message):
        run(name, "i.png", *arguments)
    assert not Path("x.png").exists()


@pytest.mark.usefixtures("folder")
def test_unknown_outputs_are_told_by_their_shapes():
    Path("raw.prototxt").write_text(SEGMENTER + POOL)
    picture("i.png")
    lines = run("raw", "i.png").stdout.splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["  conf 3x20x20", "  p 3x1x1"]


YOLO = """
input: "x" input_shape { dim: 1 dim: 7 dim: 1 dim: 1 }
layer { name: "found" type: "YoloDetectionOutput" bottom: "x" top: "found"
        yolo_detection_output_param { num_classes: 2 num_box: 1 biases: 1.5 biases: 2 } }
"""
GRID = (
    "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ dim: 1 dim: CHANNELS dim: {n} dim: {n} }} }} }}\n"
        for name, n in (("a", 4), ("b", 2), ("c", 1))
    )
    + """
layer { name: "found" type: "CenterGridOutput" bottom: "a" bottom: "b" bottom: "c" top: "found"
        detection_output_param { num_classes: CLASSES class_type: KIND bias_scale: 9
                                 bias_scale: 19 bias_scale: 29 } }
"""
)
CENTERNET = """
input: "x" input_shape { dim: 1 dim: 4 dim: 4 dim: 4 }
input: "heat" input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }
layer { name: "found" type: "CenternetDetectionOutput" bottom: "x" bottom: "heat" top: "found"
        detection_output_param { num_classes: 3 } }
"""


def grid(channels, classes, kind):
    text = GRID.replace("CHANNELS", str(channels)).replace("CLASSES", str(classes))
    return text.replace("KIND", kind)


JUDGED = """
layer { name: "in" type: "Input" top: "data" top: "label"
        input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 }
                      shape { dim: 2 dim: 1 dim: 8 dim: 8 } } }
layer { name: "conf" type: "Convolution" bottom: "data" top: "conf"
        convolution_param { num_output: 5 kernel_size: 1 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conf" bottom: "label" top: "loss" }
"""


@pytest.mark.parametrize(("text", "blob", "kind", "classes"), [
    (DETECTOR, "found", "boxes", 3),
    (SEGMENTER + SOFTMAX, "prob", "scores", 3),
    (SEGMENTER + ARGMAX, "most", "places", 3),
    (SEGMENTER, "conf", "values", 0),
    (JUDGED, "conf", "scores", 5),
    (YOLO, "found", "boxes", 3),  # its labels begin at 1
    (grid(5, 1, "SIGMOID"), "found", "boxes", 2),  # so do these
    (grid(6, 2, "SOFTMAX"), "found", "boxes", 2),
    (CENTERNET, "found", "boxes", 3),
])  # fmt: skip
def test_what_a_blob_is_follows_from_the_layers(text, blob, kind, classes):
    net = graph(text)
    assert chosen_blob(net) == blob
    found = meaning(net, blob)
    assert (found.kind, found.classes) == (kind, classes)


def test_boxes_with_landmarks_behind_them():
    rows = np.array([[0, 1, 0.5, 0.1, 0.2, 0.5, 0.6, *[0.3] * 10], [0, *[-1] * 16]])
    (box,) = found_boxes(rows[None, None], Sight(0, 0, 100, 50), (50, 100))
    assert (box.label, box.score) == (1, 0.5)
    np.testing.assert_allclose([box.left, box.top, box.right, box.bottom], [10, 10, 50, 30])


def test_the_sets_that_ship():
    voc, coco, imagenet = (names_given(name) for name in ("voc", "coco", "imagenet"))
    assert voc.counts == [21, 20]
    assert voc.of(21)[15] == voc.of(20)[14] == voc.of(21, background=True)[15] == "person"
    assert sorted(coco.counts) == [80, 81, 91]
    assert [coco.of(n)[i] for n, i in ((80, 0), (81, 1), (91, 1))] == ["person"] * 3
    assert (coco.of(81)[80], coco.of(91)[90]) == ("toothbrush", "toothbrush")
    assert coco.of(91)[12] == "class 12"  # a number that names nothing
    assert coco.of(91)[13] == coco.of(80)[11] == "stop sign"
    lines = (FOLDER / "imagenet.txt").read_text(encoding="utf-8").splitlines()
    synsets = [line.split(" ", 1)[0] for line in lines]
    assert len(set(synsets)) == 1000
    assert synsets == sorted(synsets)  # Caffe's order
    assert all(re.fullmatch(r"n\d{8} \S.*", line) for line in lines)
    assert imagenet.of(1000)[281] == "n02123045 tabby, tabby cat"
    assert imagenet.of(1000)[999].endswith("toilet paper, bathroom tissue")


def test_a_label_map_names_by_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("map.prototxt").write_text(
        'item { name: "none_of_the_above" label: 0 display_name: "background" }\n'
        'item { name: "n2" label: 2 display_name: "cow" }\n'
        'item { name: "n1" label: 1 }\n'
    )
    names = names_given("map.prototxt").of(3)
    assert [names[i] for i in range(4)] == ["background", "n1", "cow", "class 3"]


@pytest.mark.usefixtures("folder")
def test_the_ways_to_name_net_and_weights():
    picture("i.png", (60, 20, 90, 40, RED))
    wanted = run("cells", "i.png").stdout

    def given(*arguments):
        done = CliRunner().invoke(group, ["run", *arguments], standalone_mode=False)
        if done.exception:
            raise done.exception
        return done.stdout

    assert given("cells.prototxt", "cells.caffemodel", "i.png") == wanted
    assert given("cells.caffemodel", "i.png") == wanted  # which holds its net
    with pytest.raises(NetError, match=r"cells\.prototxt is a net without its weights") as caught:
        given("cells.prototxt", "i.png")
    assert "cells.caffemodel" in caught.value.hint
    with pytest.raises(NetError, match=r"gone\.png is no image that can be read: no such file"):
        given("cells.prototxt", "i.png", "gone.png")
    protonet.save(protonet.compile("cells.prototxt", weights="cells.caffemodel"), "cells.h5")
    with pytest.raises(NetError, match=r"cells\.h5 holds weights and no net"):
        given("cells.h5", "i.png")
