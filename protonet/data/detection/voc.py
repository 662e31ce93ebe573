"""Pascal VOC: a folder of images, and an XML file of boxes for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from protonet.data.detection.marked import MarkedBox, MarkedImage, boxed, number, whether
from protonet.diagnostics import NetError
from protonet.reading import near_files, reading

IMAGES, MARKS, SETS = "JPEGImages", "Annotations", Path("ImageSets") / "Main"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def voc_images(root: Path, part: str | None) -> Iterator[MarkedImage]:
    """The images of a VOC folder, those of one of its sets, or all, in the order of their names.

    NetError where it is none, or a file of it can't be taken.
    """
    for name in _names(root, part):
        path = root / MARKS / f"{name}.xml"
        tree = read_xml(path)
        stated = (tree.findtext("filename") or "").strip()
        image = root / IMAGES / (stated or f"{name}.jpg")
        if not stated or not os.path.isfile(image):
            beside = sorted((root / IMAGES).glob(f"{_plain(name)}.*"))
            image = beside[0] if beside else image
        own = image.relative_to(root) if image.is_relative_to(root) else image
        yield voc_image(os.fspath(own), path, tree)


def _plain(name: str) -> str:
    """A name in which glob finds no marks of its own."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _names(root: Path, part: str | None) -> list[str]:
    """The names of the images, without their endings."""
    if part is None:
        with reading(root / MARKS, "can't be read", None):
            found = sorted(path.stem for path in (root / MARKS).glob("*.xml"))
        if not found:
            raise NetError(f"{root / MARKS} holds no .xml", None, "a VOC folder has them there")
        return found
    path = root / SETS / f"{part}.txt"
    if not path.exists() and (there := sorted(p.stem for p in path.parent.glob("*.txt"))):
        near = near_files(path)
        hint = f"did you mean {Path(near[0]).stem!r}?" if near else f"these are: {', '.join(there)}"
        raise NetError(f"there is no set {path}", None, hint)
    with reading(path, "can't be read", None):
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.rstrip().endswith(" -1")]


def read_xml(path: Path) -> ET.Element:
    """An XML file's outermost element. NetError where it is not well-formed."""
    with reading(path, "is no XML", None):
        data = path.read_bytes()
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise ValueError("it defines entities, which no annotation needs")
        return ET.fromstring(data)  # noqa: S314 (entities are refused above)


def voc_image(name: str, path: Path, tree: ET.Element) -> MarkedImage:
    """The boxes of one XML. NetError where it is no annotation.

    Corners may have parts of pixels, and <difficult> may follow the box; the fork's tool takes such
    a corner as 0, and passes over such a mark. Of several boxes of an object it takes the last.
    Source: ReadXMLToAnnotatedDatum.
    """
    if tree.tag != "annotation":
        hint = "a VOC annotation begins with <annotation>"
        raise NetError(f"{path} begins with <{tree.tag[:40]}>, no annotation", None, hint)
    found, wrong = [], []
    for index, element in enumerate(tree.findall("object"), 1):
        label = (element.findtext("name") or "").strip()
        called = f"object {index} ({label})" if label else f"object {index}"
        try:
            found.append((called, _box(element, label)))
        except ValueError as error:
            wrong.append(f"{path}: {called} {error}")
    made = boxed(name, os.fspath(path), found)
    return replace(made, wrong=(*wrong, *made.wrong), size=_size(tree))


def _size(tree: ET.Element) -> tuple[int, int]:
    """The width and height that are stated; zeros where they are none."""
    stated = [(tree.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in stated):
        return 0, 0
    return int(stated[0]), int(stated[1])


def _box(element: ET.Element, label: str) -> MarkedBox:
    boxes = element.findall("bndbox")
    if len(boxes) != 1:
        raise ValueError(f"has {len(boxes)} bndbox, not one" if boxes else "has no bndbox")
    box = boxes[0]
    left, top, right, bottom = (number(box.findtext(side), side) for side in _SIDES)
    difficult = whether(element.findtext("difficult"), "difficult")
    return MarkedBox(label, (left, top, right, bottom), difficult)
