"""Databases of small images with boxes, and the layers that read them, for tests."""

from __future__ import annotations

import cv2
import lmdb
import numpy as np

from protonet.schema.pool import message_class
from tests.data.annotated_reference import box_of

POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


def pictures(count=7, seed=0, colors=3):
    """Smooth images of several sizes, each with its boxes as the reference takes them."""
    generator = np.random.RandomState(seed)
    made = []
    for number in range(count):
        size = (30 + 3 * number, 48 - 2 * number)
        shape = (6, 6, 3) if colors == 3 else (6, 6)
        image = generator.randint(0, 256, shape).astype(np.uint8)
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
        made.append((image, boxes(generator, number % 4)))
    return made


def boxes(generator, count):
    """In the order of their groups: two of the label 1, then others."""
    found = []
    for place in range(count):
        x, y = generator.uniform(-0.05, 0.6, 2)
        width, height = generator.uniform(0.1, 0.45, 2)
        box = box_of(x, y, x + width, y + height)
        label, instance = (1, place) if place < 2 else (place, 0)
        found.append({**box, "label": label, "instance": instance, "difficult": place % 2})
    return found


def record(image, found, raw=False, kind=0, **fields):
    """An AnnotatedDatum, its image as a PNG or ``raw``."""
    made = message_class("AnnotatedDatum")()
    if kind is not None:
        made.type = kind
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    made.datum.channels, made.datum.height, made.datum.width = planes.shape
    made.datum.encoded = not raw
    made.datum.data = planes.tobytes() if raw else cv2.imencode(".png", image)[1].tobytes()
    for name, value in fields.items():
        setattr(made.datum, name, value)
    groups = made.annotation_group
    if any("marks" in box for box in found):
        groups = made.annotation_group_with_landmarks
    for box in found:
        group = next((g for g in groups if g.group_label == box["label"]), None)
        group = group or groups.add(group_label=box["label"])
        one = group.annotation.add(instance_id=box["instance"])
        one.bbox.xmin, one.bbox.ymin = float(box["x1"]), float(box["y1"])
        one.bbox.xmax, one.bbox.ymax = float(box["x2"]), float(box["y2"])
        one.bbox.difficult = bool(box["difficult"])
        if box.get("marks"):
            one.has_lm = box.get("has_lm", 1)
            for name, at in zip(POINTS, range(0, 10, 2), strict=True):
                point = getattr(one.face_lm, name)
                point.x, point.y = (float(value) for value in box["marks"][at : at + 2])
    return made.SerializeToString()


def write(path, values):
    opened = lmdb.open(str(path), map_size=1 << 24)
    with opened as environment, environment.begin(write=True) as transaction:
        for number, value in enumerate(values):
            transaction.put(b"%08d" % number, value)


def text(fields):
    """Fields of a message as prototxt, from dicts and lists; words in capitals are enum values."""
    parts = []
    for name, value in fields.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, dict):
                parts.append(f"{name} {{ {text(one)} }}")
            elif isinstance(one, bool):
                parts.append(f"{name}: {str(one).lower()}")
            elif isinstance(one, str) and not (one.isupper() or one.replace("_", "").isupper()):
                parts.append(f'{name}: "{one}"')
            else:
                parts.append(f"{name}: {one}")
    return " ".join(parts)


def layer(transform, samplers=(), batch=3, tops=2, source="db", **annotated):
    """An AnnotatedData layer."""
    names = ["data", "label", "mask", "more"][:tops]
    fields = {
        "name": "d",
        "type": "AnnotatedData",
        "top": names,
        "transform_param": transform,
        "data_param": {"source": source, "batch_size": batch, "backend": "LMDB"},
        "annotated_data_param": {"batch_sampler": list(samplers), **annotated},
    }
    return f"layer {{ {text(fields)} }}"
