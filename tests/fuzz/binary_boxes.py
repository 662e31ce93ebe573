"""The kinds of files with true boxes that protonet reads: files to damage, and what reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import lmdb
import numpy as np
from binary_data import batches_of
from binary_kinds import kind

from protonet.data.detection.annotated_set import AnnotatedSet
from protonet.data.detection.coco import coco_image, coco_images
from protonet.data.detection.label_map import LabelMap
from protonet.data.detection.marked import MarkedSet, refuse_wrong
from protonet.data.detection.plain_boxes import text_image
from protonet.data.detection.voc import IMAGES, MARKS, voc_images
from protonet.data.image_files import Size
from protonet.data.multi_label_list import read_labels
from protonet.data.truth_file import read_truth
from protonet.schema.pool import message_class

# Flat, so that most of a record is what stands around it.
_PICTURE = cv2.imencode(".png", np.full((30, 40, 3), 99, np.uint8))[1].tobytes()
_LABELS = 'item { name: "cat" label: 1 display_name: "Cat" }\nitem { name: "a b" label: 2 }\n'


def _annotated(folder: Path) -> None:
    for number in range(3):
        made = message_class("AnnotatedDatum")(type=0)
        made.datum.CopyFrom(message_class("Datum")(data=_PICTURE, encoded=True, label=-1))
        for label in range(number + 1):
            group = made.annotation_group.add(group_label=label + 1)
            box = group.annotation.add(instance_id=label).bbox
            box.xmin, box.ymin, box.xmax, box.ymax = 0.1, 0.2, 0.5 + label / 9, 0.75
            box.difficult = bool(label)
        (folder / str(number)).write_bytes(made.SerializeToString())


def _database(path: Path) -> Path:
    """A database of the record that a file has."""
    target = path.with_name("database.d")
    shutil.rmtree(target, ignore_errors=True)
    opened = lmdb.open(str(target), map_size=1 << 22)
    with opened, opened.begin(write=True) as transaction:
        transaction.put(b"0", path.read_bytes())
    return target


@kind("annotated datum", _annotated)
def _read_annotated(path: Path) -> None:
    sampler = "sampler { min_scale: 0.3 } sample_constraint { min_jaccard_overlap: 0.1 }"
    batches_of(
        'layer { name: "d" type: "AnnotatedData" top: "data" top: "label" transform_param { '
        "mirror: true resize_param { height: 20 width: 24 } emit_constraint { } } "
        f'data_param {{ source: "{_database(path)}" backend: LMDB batch_size: 2 }} '
        f"annotated_data_param {{ batch_sampler {{ {sampler} max_sample: 1 max_trials: 9 }} }} }}",
        2,
    )


def _boxed(folder: Path) -> None:
    for number in range(3):
        made = message_class("Datum")(data=_PICTURE, encoded=True)
        made.float_data.extend([number, 0, 0.5, 0.4, 0.3, 0.2] * (number + 1))
        (folder / str(number)).write_bytes(made.SerializeToString())


@kind("boxed datum", _boxed)
def _read_boxed(path: Path) -> None:
    batches_of(
        'layer { name: "d" type: "BoxData" top: "data" top: "label" '
        f'data_param {{ source: "{_database(path)}" backend: LMDB batch_size: 2 }} }} '
        'layer { name: "l" type: "RegionLoss" bottom: "data" bottom: "label" top: "l" }',
        2,
    )


def _converted(found: MarkedSet, root: Path, labels: LabelMap | None = None) -> None:
    """Records of the images, as the command makes them."""
    refuse_wrong(found.images)
    labels = labels or LabelMap.of(found.classes(), "its classes")
    for _ in AnnotatedSet(root, list(found.images), labels, Size(0, 0)).records():
        pass


def _with_picture(path: Path, folder: str) -> Path:
    root = path.with_name("set.d")
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / "a.png").write_bytes(_PICTURE)
    return root


def _xmls(folder: Path) -> None:
    box = "<bndbox><xmin>{}</xmin><ymin>2.5</ymin><xmax>{}</xmax><ymax>19</ymax></bndbox>"
    one = "<object><name>cat</name>" + box + "<difficult>1</difficult></object>\n"
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotation><filename>a.png</filename>'
    for name, boxes in (("a", one.format(1, 9) * 2), ("b", one.format(3, 30).replace("cat", "ü"))):
        (folder / name).write_text(f"{head}\n{boxes}</annotation>", encoding="utf-8")


@kind("voc xml", _xmls)
def _read_xml(path: Path) -> None:
    root = _with_picture(path, IMAGES)
    (root / MARKS).mkdir(exist_ok=True)
    shutil.copy(path, root / MARKS / "a.xml")
    _converted(MarkedSet(tuple(voc_images(root, None))), root)


def _jsons(folder: Path) -> None:
    images = [{"id": i, "file_name": "a.png", "height": 30, "width": 40} for i in range(2)]
    marks = [
        {"id": i, "image_id": i % 2, "category_id": 7, "bbox": [1, 2.5, 9, 4.0], "iscrowd": i % 2}
        for i in range(4)
    ]
    kinds = [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}]
    whole = {"images": images, "annotations": marks, "categories": kinds}
    (folder / "a").write_text(json.dumps(whole))
    (folder / "b").write_text(json.dumps(whole, indent=1))


@kind("coco json", _jsons)
def _read_json(path: Path) -> None:
    _converted(coco_images(path, ""), _with_picture(path, ""))


def _image_jsons(folder: Path) -> None:
    marks = [{"category_id": 3, "bbox": [1, 2.5, 9, 4.0], "iscrowd": 0}] * 2
    (folder / "a").write_text(json.dumps({"annotation": marks}))


@kind("coco image json", _image_jsons)
def _read_image_json(path: Path) -> None:
    root = _with_picture(path, "")
    _converted(MarkedSet((coco_image("a.png", path),)), root)


def _texts(folder: Path) -> None:
    (folder / "a").write_text("1 2 3 9.5 12\n7 0 0 30 20\n")


@kind("plain boxes", _texts)
def _read_text(path: Path) -> None:
    _converted(MarkedSet((text_image("a.png", path),)), _with_picture(path, ""))


@kind("label map", lambda folder: (folder / "a").write_text(_LABELS))
def _read_label_map(path: Path) -> None:
    labels = LabelMap.read(path)
    labels.names()
    marks: Any = coco_image("a.png", _one_mark(path))
    _converted(MarkedSet((marks,)), _with_picture(path, ""), labels)
    labels.write(path.with_name("written"))
    assert LabelMap.read(path.with_name("written")).numbers.items() >= labels.numbers.items()


def _one_mark(path: Path) -> Path:
    mark = {"category_id": "cat", "bbox": [1, 2, 3, 4]}
    written = path.with_name("mark.json")
    written.write_text(json.dumps({"annotation": [mark]}))
    return written


def _truths(cascade: bool) -> Any:
    extra = "0 " if cascade else ""
    one = (
        "# {} i{}.png\n3 20 30\n2\n1 0 "
        + extra
        + "0 0 9 9\n2 1 "
        + extra
        + "3 4 19 19\n1\n5 5 9 9\n"
    )

    def write(folder: Path) -> None:
        (folder / "a").write_text("".join(one.format(i, i) for i in range(3)))

    return write


@kind("windows of mscnn", _truths(False))
def _read_truth(path: Path) -> None:
    read_truth(path)


@kind("windows of cascade", _truths(True))
def _read_cascade(path: Path) -> None:
    read_truth(path, cascade=True)


@kind("list of labels", lambda folder: (folder / "a").write_text("a.png 1 2.5\nb.png -3 4e1\n"))
def _read_labels(path: Path) -> None:
    read_labels(path)
