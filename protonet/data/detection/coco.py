"""COCO: one JSON with the boxes of many images, or one an image, as SSD's scripts split it."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from protonet.data.detection.marked import (
    MarkedBox,
    MarkedImage,
    MarkedSet,
    boxed,
    number,
    whether,
)
from protonet.diagnostics import NetError
from protonet.reading import reading

Json = object
_FORM = 'it has "images", "annotations" and "categories"'


def coco_images(path: Path, folder: str) -> MarkedSet:
    """The images that one JSON marks, those without a box, too, in its order.

    ``folder`` is where they lie below the root. NetError where it is no such JSON.
    """
    whole = read_json(path)
    images, marks = _list(whole, "images", path), _list(whole, "annotations", path)
    names = _categories(whole, path)
    of_image: dict[str, list[tuple[str, MarkedBox]]] = defaultdict(list)
    wrong: dict[str, list[str]] = defaultdict(list)
    for place, mark in enumerate(marks):
        image = _text(mark, "image_id", f"{path}: annotation {place}")
        called = f"annotation {mark['id'] if isinstance(mark.get('id'), int) else place}"
        try:
            of_image[image].append((called, _box(mark, names)))
        except ValueError as error:
            wrong[image].append(f"{path}: {called} {error}")
    made: dict[str, MarkedImage] = {}
    for place, entry in enumerate(images):
        where = f"{path}: image {place}"
        own = _text(entry, "id", where)
        if own in made:
            raise NetError(f"{where} has the id {own}, as one before it")
        name = os.path.join(folder, _text(entry, "file_name", where))
        one = boxed(name, os.fspath(path), of_image.pop(own, []))
        made[own] = replace(one, wrong=(*wrong.pop(own, []), *one.wrong), size=_size(entry))
    for missing in (*of_image, *wrong):
        raise NetError(f"{path} has annotations of the image {missing}, which is none of its own")
    return MarkedSet(tuple(made.values()), tuple(names.values()))


def _categories(whole: Mapping[str, Json], path: Path) -> dict[str, str]:
    """The name of each category, in their order. NetError where two have one id."""
    names: dict[str, str] = {}
    for place, category in enumerate(_list(whole, "categories", path)):
        where = f"{path}: category {place}"
        own, name = _text(category, "id", where), _text(category, "name", where)
        if own in names:
            raise NetError(f"{where} has the id {own}, as one before it")
        names[own] = name
    return names


def _size(entry: Json) -> tuple[int, int]:
    """The width and height that an image states; zeros where they are none."""
    stated = entry if isinstance(entry, dict) else {}
    width, height = stated.get("width"), stated.get("height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return width, height
    return 0, 0


def coco_image(name: str, path: Path) -> MarkedImage:
    """The boxes of a JSON of one image, whose classes are the categories' numbers.

    NetError where it is none. Source: ReadJSONToAnnotatedDatum.
    """
    found, wrong = [], []
    whole = read_json(path)
    for place, mark in enumerate(_list(whole, "annotation", path)):
        try:
            found.append((f"annotation {place}", _box(mark, None)))
        except ValueError as error:
            wrong.append(f"{path}: annotation {place} {error}")
    made = boxed(name, os.fspath(path), found)
    return replace(made, wrong=(*wrong, *made.wrong), size=_size(whole.get("image")))


def read_json(path: Path) -> Mapping[str, Json]:
    """A JSON object. NetError where the file holds none."""
    with reading(path, "is no JSON", None):
        found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise NetError(f"{path} holds no JSON object", None, f"of COCO {_FORM}")
    return found


def _box(mark: Mapping[str, Json], names: Mapping[str, str] | None) -> MarkedBox:
    category = _name_or_number(mark.get("category_id"))
    if not category or not _is_utf8(category):
        raise ValueError("has no category_id")
    name = category if names is None else names.get(category, "")
    if not name:
        raise ValueError(f"has the category_id {category}, which is no category")
    box = mark.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError("has no bbox of 4 numbers")
    left, top, width, height = (number(value, "bbox") for value in box)
    crowd = mark.get("iscrowd")
    is_crowd = whether(crowd if isinstance(crowd, int | str | None) else str(crowd), "iscrowd")
    return MarkedBox(name, (left, top, left + width, top + height), is_crowd)


def _list(whole: Mapping[str, Json], key: str, path: Path) -> Sequence[Mapping[str, Json]]:
    """A list of objects that a JSON has under a key."""
    found = whole.get(key)
    if not isinstance(found, list):
        raise NetError(f"{path} has no list {key!r}", None, f"of COCO {_FORM}")
    for place, one in enumerate(found):
        if not isinstance(one, dict):
            raise NetError(f"{path}: {key}[{place}] is no JSON object")
    return found


def _text(one: Mapping[str, Json], key: str, where: str) -> str:
    """A name or number that an object has under a key."""
    found = _name_or_number(one.get(key))
    if not found:
        raise NetError(f"{where} has no {key}")
    if not _is_utf8(found):
        raise NetError(f"{where} has the {key} {found!r}, which is half of a character")
    return found


def _is_utf8(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _name_or_number(found: Json) -> str:
    """As text; "" where it is neither."""
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
