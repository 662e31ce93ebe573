"""Files with true boxes that say odd things: each is taken, or is one error that names the file."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from protonet.data.detection.coco import coco_images
from protonet.data.detection.label_map import LabelMap
from protonet.data.detection.voc import voc_images
from protonet.diagnostics import NetError
from protonet.inference.names import names_given

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>19</ymax></bndbox>"


@pytest.fixture
def voc(tmp_path):
    for name in ("JPEGImages", "Annotations"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "JPEGImages" / "a.png"), np.zeros((9, 9, 3), np.uint8))
    return tmp_path


def marked(voc, filename):
    text = f"<annotation><filename>{filename}</filename><object><name>c</name>{BOX}</object>"
    (voc / "Annotations" / "a.xml").write_text(f"{text}</annotation>")
    (found,) = voc_images(voc, None)
    return found


def test_an_xml_names_an_image_elsewhere(voc, tmp_path):
    other = tmp_path.parent / "elsewhere.png"
    other.write_bytes((voc / "JPEGImages" / "a.png").read_bytes())
    assert voc / marked(voc, other).name == other
    other.unlink()


@pytest.mark.parametrize("filename", ["a" * 5000, "..", "none.png"])
def test_an_xml_names_no_image_and_another_is_beside_it(voc, filename):
    assert marked(voc, filename).name == "JPEGImages/a.png"


@pytest.mark.parametrize(
    ("key", "told"),
    [("file_name", "image 0 has the file_name"), ("name", "category 0 has the name")],
)
def test_half_a_character_in_a_json(tmp_path, key, told):
    whole = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 7, "name": "cat"}],
    }
    for entry in (*whole["images"], *whole["categories"]):
        entry.update({key: "\ud800"} if key in entry else {})
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole))
    with pytest.raises(NetError) as caught:
        coco_images(path, "")
    assert told in caught.value.message


def test_a_label_map_with_bytes_that_are_no_utf8(tmp_path):
    path = tmp_path / "labelmap.prototxt"
    path.write_text(r'item { name: "caf\351" label: 1 } item { name: "dog" label: 2 }')
    assert LabelMap.read(path).label("café", "x") == 1
    assert names_given(str(path)).of(3)[1] == "café"
