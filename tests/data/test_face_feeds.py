"""The data layers of yuqj1991's face nets, held to numpy: faces, plates, boxes for YOLO."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from protonet.diagnostics import NetError
from protonet.schema.pool import message_class
from tests.data.annotated_records import pictures, record, text, write
from tests.data.annotated_reference import F, Layer, annotations, box_of, distort, expand, resized

SIZED = {"height": 20, "width": 24}
WAYS = ["LINEAR", "AREA", "NEAREST", "CUBIC", "LANCZOS4"]
DISTORT = {
    **{f"{name}_prob": 0.5 for name in ("brightness", "contrast", "hue", "saturation")},
    "brightness_delta": 32,
    "hue_delta": 18,
    "contrast_lower": 0.5,
    "contrast_upper": 1.5,
    "saturation_lower": 0.5,
    "saturation_upper": 1.5,
}
FACES = {
    "warped": {
        "mirror": True,
        "scale": 0.0078125,
        "mean_value": [127.5, 127.5, 127.5],
        "resize_param": {**SIZED, "interp_mode": WAYS},
        "distort_param": DISTORT,
        "expand_param": {"prob": 0.5, "max_expand_ratio": 2.0},
    },
    "padded": {
        "resize_param": {**SIZED, "resize_mode": "FIT_LARGE_SIZE_AND_PAD", "pad_value": [7, 8, 9]},
        "expand_param": {"max_expand_ratio": 3.0},
    },
    "plain": {"mirror": True, "resize_param": SIZED},
}


def told_layer(kind, transform, batch=3, tops=2, **annotated):
    fields = {
        "name": "d",
        "type": kind,
        "top": ["data", "label"][:tops],
        "transform_param": transform,
        "data_param": {"source": "db", "batch_size": batch, "backend": "LMDB"},
    }
    if annotated:
        fields["annotated_data_param"] = annotated
    return f"layer {{ {text(fields)} }}"


def put_datum(made, image):
    made.datum.channels, made.datum.height, made.datum.width = 3, *image.shape[:2]
    made.datum.encoded, made.datum.data = True, cv2.imencode(".png", image)[1].tobytes()


def face_record(image, numbers):
    made = message_class("AnnoFaceAttributeDatum")(type=0)
    put_datum(made, image)
    face = made.faceattri
    for k, name in enumerate(("lefteye", "righteye", "nose", "leftmouth", "rightmouth")):
        point = getattr(face.landmark, name)
        point.x, point.y = numbers[k], numbers[5 + k]
    orientation = face.faceoritation
    orientation.yaw, orientation.pitch, orientation.roll = numbers[10:13]
    face.gender, face.glass = int(numbers[13]), int(numbers[14])
    return made.SerializeToString()


def faces(count=5):
    generator = np.random.RandomState(3)
    made = []
    for image, _ in pictures(count):
        numbers = np.concatenate(
            [generator.uniform(-0.1, 1.1, 10), generator.uniform(-90, 90, 3), [1, 0]]
        )
        made.append((image, numbers.astype(F)))
    return made


class Faces(Layer):
    """The reference of SSD's layer with the numbers of a face in the place of boxes."""

    def batch(self):
        made = [
            self.one(*self.records[(self.at + i) % len(self.records)]) for i in range(self.count)
        ]
        self.at += self.count
        return [np.stack(column) for column in zip(*made, strict=True)]

    def one(self, image, numbers):
        t, twister, original = self.t, self.thread, image.shape
        x, y, (yaw, pitch, roll) = numbers[:5], numbers[5:10], numbers[10:13]
        if "distort_param" in t:
            image = distort(twister, image, t["distort_param"])
        if "expand_param" in t:
            # Where the whole image comes to lie says where its points do.
            whole = [{**box_of(0, 0, 1, 1), "label": 1, "instance": 0, "difficult": 0}]
            means = t.get("mean_value")
            image, (whole,) = expand(twister, image, whole, t["expand_param"], means, None)
            x = whole["x1"] + x * (whole["x2"] - whole["x1"])
            y = whole["y1"] + y * (whole["y2"] - whole["y1"])
        mirror = bool(t.get("mirror") and self.own.rand() % 2)
        x, y = fitted(x, y, t["resize_param"], *image.shape[:2])
        image = resized(twister, image, t["resize_param"])
        if mirror:
            image, x, yaw, roll = image[:, ::-1], 1 - x, -yaw, -roll
        means = np.array(t.get("mean_value", [0]), F)
        image = ((image.astype(F) - means) * F(t.get("scale", 1))).transpose(2, 0, 1)
        size = [] if self.training else [original[1], original[0]]
        return image, np.concatenate([x, y, [yaw, pitch, roll], numbers[13:], size])


def fitted(x, y, p, height, width):
    """Points after a resize: pixels of the frame, kept within it, in parts of it again."""
    wide, high = p["width"], p["height"]
    inner = [wide, high]
    if p.get("resize_mode") == "FIT_LARGE_SIZE_AND_PAD":
        if width / height > wide / high:
            inner[1] = wide / (width / height)
        else:
            inner[0] = high * width / height
    x = np.clip((wide - inner[0]) / 2 + x * inner[0], 0, wide) / wide
    return x, np.clip((high - inner[1]) / 2 + y * inner[1], 0, high) / high


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("name", sorted(FACES))
def test_faces(folder, feed_of, name, phase):
    records, transform = faces(), FACES[name]
    write(folder / "db", [face_record(*one) for one in records])
    feed = feed_of(told_layer("faceAttributeData", transform), phase, seed=11)
    reference = Faces(records, 3, 11, phase == "TRAIN", **transform)
    width = 15 if phase == "TRAIN" else 17
    assert feed.shapes == {"data": (3, 3, 20, 24), "label": (3, width)}
    for _ in range(4):
        images, told = reference.batch()
        batch = next(feed)
        np.testing.assert_allclose(batch["data"], images, atol=1e-5)
        np.testing.assert_allclose(batch["label"], told, atol=1e-5)


def test_plates(folder, feed_of):
    made = []
    for number, (image, _) in enumerate(pictures(5)):
        one = message_class("AnnotatedCCpdDatum")(type=0)
        put_datum(one, image)
        one.lpnumber.chichracter, one.lpnumber.engchracter = number, 10 + number
        for place in range(1, 6):
            setattr(one.lpnumber, f"letternum_{place}", 20 * place + number)
        made.append(one.SerializeToString())
    write(folder / "db", made)
    feed = feed_of(told_layer("ccpdData", {"resize_param": SIZED}), seed=1)
    assert feed.shapes == {"data": (3, 3, 20, 24), "label": (3, 7)}
    labels = np.concatenate([next(feed)["label"] for _ in range(2)])
    wanted = [[n, 10 + n, *(20 * k + n for k in range(1, 6))] for n in (0, 1, 2, 3, 4, 0)]
    assert labels.tolist() == wanted


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\xff\xff", "no AnnoFaceAttributeDatum message"),
        (b"", "no datum in it"),
        (
            message_class("AnnoFaceAttributeDatum")(datum={"label": 1}).SerializeToString(),
            "no type",
        ),
    ],
)
def test_records_that_are_no_faces(folder, feed_of, value, words):
    write(folder / "db", [value])
    with pytest.raises(NetError, match=words):
        feed_of(told_layer("faceAttributeData", {"resize_param": SIZED}))


class Yolo(Layer):
    """The reference of SSD's layer with a window and a size drawn as YoloAnnotatedData does it."""

    def batch(self):
        policy = self.thread.die([p["prob"] for p in self.t["resize_param_yolo"]])
        images, tables = [], []
        for _ in range(self.count):
            image, boxes = self.records[self.at % len(self.records)]
            self.at += 1
            image, boxes = self.seen(image, boxes, self.t["resize_param_yolo"][policy])
            images.append(image)
            table = np.zeros((300, 5), F)
            shown = [b for b in boxes if not b["difficult"]]
            for row, b in enumerate(shown):
                centre = (b["x1"] + b["x2"]) / 2, (b["y1"] + b["y2"]) / 2
                table[row] = [b["label"] - 1, *centre, b["x2"] - b["x1"], b["y2"] - b["y1"]]
            tables.append(table[None])
        return np.stack(images), np.stack(tables)

    def seen(self, image, boxes, resize):
        twister, amount = self.thread, F(0.3)
        width, height = twister.uniform(F(1) - amount, 1), twister.uniform(F(1) - amount, 1)
        left, top = twister.uniform(0, F(1) - width), twister.uniform(0, F(1) - height)
        twister.rand()  # which of one window
        window = box_of(left, top, left + width, top + height)
        high, wide = image.shape[:2]
        x1, y1, x2, y2 = (
            window[side] * F(n)
            for side, n in (("x1", wide), ("y1", high), ("x2", wide), ("y2", high))
        )
        image = image[int(y1) : int(y1) + int(y2 - y1), int(x1) : int(x1) + int(x2 - x1)]
        boxes = annotations(boxes, window)
        mirror = bool(self.own.rand() % 2)
        size = image.shape[:2]
        image = resized(twister, image, resize)
        boxes = annotations(boxes, box_of(0, 0, 1, 1), None, mirror, resize, size)
        return (image[:, ::-1] if mirror else image).astype(F).transpose(2, 0, 1), boxes


def test_boxes_for_yolo(folder, feed_of):
    records = pictures()
    write(folder / "db", [record(*one) for one in records])
    sizes = [{"prob": 0.5, "height": side, "width": side, "interp_mode": WAYS} for side in (16, 32)]
    transform = {"mirror": True, "resize_param_yolo": sizes}
    layer = told_layer("YoloAnnotatedData", transform, yolo_data_type=1, yolo_data_jitter=0.3)
    feed = feed_of(layer, "TRAIN", seed=5)
    assert feed.shapes == {"data": (3, 3, 16, 16), "label": (3, 1, 300, 5)}
    reference = Yolo(records, 3, 5, **transform)
    seen = set()
    for _ in range(6):
        images, tables = reference.batch()
        batch = next(feed)
        np.testing.assert_array_equal(batch["data"], images)
        np.testing.assert_allclose(batch["label"], tables, atol=1e-6)
        seen.add(images.shape[2])
    assert seen == {16, 32}
