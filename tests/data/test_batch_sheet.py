"""The picture of a batch: frames beside their maps of labels, and the lines that go with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from pair_layers import layer, write_pairs

from protonet.cli.data import command
from protonet.data.batch_sheet import draw_batch, label_colours
from protonet.diagnostics import NetError
from tests.data.annotated_records import layer as boxed
from tests.data.annotated_records import record, write

CELL, GAP = 112, 4


def cell(sheet, row, column):
    top, left = row * (CELL + GAP) + GAP, column * (CELL + GAP) + GAP
    return sheet[top : top + CELL, left : left + CELL]


@pytest.mark.parametrize(
    ("label", "red_green_blue"),
    [
        (0, (0, 0, 0)),
        (1, (128, 0, 0)),
        (2, (0, 128, 0)),
        (4, (0, 0, 128)),
        (8, (64, 0, 0)),
        (15, (192, 128, 128)),
        (20, (0, 64, 128)),
        (255, (224, 224, 192)),
    ],
)
def test_labels_have_pascals_colours(label, red_green_blue):
    assert tuple(label_colours()[label][::-1]) == red_green_blue


def test_frames_and_labels_stand_side_by_side(tmp_path):
    data = np.zeros((2, 6, 4, 4), np.float32)
    data[1, 3] = 10  # blue, of the second frame of the second item
    labels = np.ones((2, 1, 4, 4), np.float32)
    assert draw_batch({"data": data, "label": labels}, tmp_path / "b.png", 9) == 2
    sheet = cv2.imread(str(tmp_path / "b.png"))
    assert sheet.shape == (2 * (CELL + GAP) + GAP, 3 * (CELL + GAP) + GAP, 3)
    assert not cell(sheet, 0, 0).any()
    assert (cell(sheet, 1, 1) == (255, 0, 0)).all()
    assert (cell(sheet, 1, 2) == (0, 0, 128)).all()


def test_volumes_and_flow(tmp_path):
    volume = np.random.RandomState(0).rand(1, 3, 5, 4, 4)
    draw_batch({"data": volume}, tmp_path / "v.png", 1)
    assert cv2.imread(str(tmp_path / "v.png")).shape[1] == 5 * (CELL + GAP) + GAP
    draw_batch({"data": volume[:, 0].repeat(2, 1)}, tmp_path / "f.png", 1)
    assert cv2.imread(str(tmp_path / "f.png")).shape[1] == 10 * (CELL + GAP) + GAP


def test_a_batch_without_images(tmp_path):
    with pytest.raises(NetError, match="no images to draw: data 3x4"):
        draw_batch({"data": np.zeros((3, 4))}, tmp_path / "b.png", 1)


def test_the_command_shows_a_nets_batch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pairs()
    fields = "batch_size: 2 label_type: PIXEL"
    Path("net.prototxt").write_text(layer("ImageSegData", fields, "mean_value: 1 crop_size: 64"))
    done = CliRunner().invoke(command, ["show", "net.prototxt", "--sheet", "b.png"])
    assert done.exit_code == 0, done.output
    assert "data: 2x3x64x64, -1 to 254" in done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("label")]
    assert [word.split()[0] for word in line.split(": ")[2].split(", ")] == [*"0123", "255"]
    assert Path("b.png").exists()


def with_boxes(**fields):
    """A net of one layer, over black images with one box, and one with none."""
    corners = dict(zip(("x1", "y1", "x2", "y2"), (0.25, 0.25, 0.75, 0.5), strict=True))
    box = {**corners, "label": 2, "instance": 0, "difficult": 0}
    black = np.zeros((40, 40, 3), np.uint8)
    write("db", [record(black, [box]), record(black, [])])
    sized = {"resize_param": {"height": 32, "width": 32}}
    Path("net.prototxt").write_text(boxed(sized, batch=2, **fields))


@pytest.mark.parametrize("fields", [{}, {"yolo_data_type": 1, "yolo_data_jitter": 0}])
def test_the_boxes_of_a_batch_are_drawn_on_its_images(tmp_path, monkeypatch, fields):
    monkeypatch.chdir(tmp_path)
    with_boxes(**fields)
    done = CliRunner().invoke(command, ["show", "net.prototxt", "--sheet", "b.png"])
    assert done.exit_code == 0, done.output
    assert "label: 1 box in 2 images" in done.output
    sheet = cv2.imread("b.png")
    assert sheet.shape == (2 * (CELL + GAP) + GAP, CELL + 2 * GAP, 3)
    lit = cell(sheet, 0, 0).any(2)
    assert lit[28:56, [28, 83]].all()
    assert lit[[28, 55], 28:84].all()
    assert not lit[:26].any()
    assert not lit[60:].any()
    assert not cell(sheet, 1, 0).any()
