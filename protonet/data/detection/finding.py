"""What of a folder is marked, and by which files."""

from __future__ import annotations

import os
from pathlib import Path

from protonet.data.detection.coco import coco_image, coco_images
from protonet.data.detection.marked import MarkedImage, MarkedSet
from protonet.data.detection.plain_boxes import text_image
from protonet.data.detection.voc import MARKS, read_xml, voc_image, voc_images
from protonet.data.image_files import SUFFIXES
from protonet.diagnostics import NetError
from protonet.reading import reading

KINDS = ("voc", "coco", "text", "darknet")
_SHAPES = (
    "it takes a VOC folder (Annotations/), a COCO JSON with --json, images with a .txt beside "
    "each, or a list with `IMAGE ANNOTATION` a line"
)
_NAMES = ("classes.txt", "obj.names")


def listed(root: Path, listing: Path, kind: str | None) -> MarkedSet:
    """The images of a list, ``IMAGE ANNOTATION`` a line, both from the root.

    An annotation is read by its ending. NetError at a line that can't be taken.
    Source: convert_annoset.
    """
    with reading(listing, "can't be read", None):
        lines = listing.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    names = _class_names(root) if kind == "darknet" else ()
    found = []
    for at, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2:
            what = f"{os.fspath(listing)}: line {at} has {len(words)} words"
            raise NetError(what, None, "it takes `IMAGE ANNOTATION` a line")
        found.append(_one(root, words[0], words[1], kind, names))
    if not found:
        what = f"the list {os.fspath(listing)} is empty"
        raise NetError(what, None, "it takes `IMAGE ANNOTATION` a line")
    return MarkedSet(tuple(found), names)


def _one(
    root: Path, image: str, marks: str, kind: str | None, names: tuple[str, ...]
) -> MarkedImage:
    path = root / marks
    ending = path.suffix.lower()
    if ending == ".xml":
        return voc_image(image, path, read_xml(path))
    if ending == ".json":
        return coco_image(image, path)
    if ending == ".txt":
        return text_image(image, path, kind == "darknet", names)
    what = f"{marks!r} is an annotation of no known kind"
    raise NetError(what, None, "they are .xml, .json and .txt")


def looked_through(root: Path, kind: str | None, part: str | None, marks: Path | None) -> MarkedSet:
    """The images of a folder, in the order of their names or of its JSON.

    ``kind`` is one of KINDS, or None for what the folder looks like; ``part`` one of the sets of a
    VOC folder; ``marks`` COCO's JSON. NetError where there is nothing of that kind.
    """
    if not root.is_dir():
        with reading(root, "can't be read", None):
            os.listdir(root)
        raise NetError(f"{os.fspath(root)} is no folder", None, _SHAPES)
    kind = kind or _kind_of(root, marks)
    if kind == "voc":
        return MarkedSet(tuple(voc_images(root, part)))
    if part is not None:
        raise NetError(f"a set {part!r} is of a VOC folder, and {os.fspath(root)} is none")
    if kind == "coco":
        if marks is None:
            raise NetError("COCO's boxes are in a JSON", None, "name it: --json instances.json")
        return coco_images(marks, "")
    return _beside(root, kind == "darknet")


def _kind_of(root: Path, marks: Path | None) -> str:
    if marks is not None:
        return "coco"
    if (root / MARKS).is_dir():
        return "voc"
    if any(path.suffix == ".json" for path in root.iterdir()):
        raise NetError(f"{os.fspath(root)} has a JSON in it", None, "name it: --json FILE")
    return "text"


def _beside(root: Path, darknet: bool) -> MarkedSet:
    """Images with a text of the same name beside them, or in labels/ for images/."""
    names = _class_names(root) if darknet else ()
    with reading(root, "can't be read", None):
        paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    found = []
    for path in paths:
        inner = path.relative_to(root)
        parts = ["labels" if part == "images" else part for part in inner.parts]
        texts = (path.with_suffix(".txt"), (root / Path(*parts)).with_suffix(".txt"))
        text = next((one for one in texts if one.is_file()), None)
        if text is not None:
            found.append(text_image(inner.as_posix(), text, darknet, names))
    if not found:
        what = f"{os.fspath(root)} has no image with a .txt of its name beside it"
        raise NetError(what, None, _SHAPES)
    return MarkedSet(tuple(found), names)


def _class_names(root: Path) -> tuple[str, ...]:
    """The classes that a darknet folder names, one a line. NetError at a line without one."""
    for name in _NAMES:
        if (root / name).is_file():
            with reading(root / name, "can't be read", None):
                lines = (root / name).read_text(encoding="utf-8-sig").splitlines()
            while lines and not lines[-1].strip():
                lines.pop()
            names = tuple(line.strip() for line in lines)
            if "" in names:
                what = f"{os.fspath(root / name)}: line {names.index('') + 1} names no class"
                raise NetError(what, None, "a class is the number of its line, from 0")
            return names
    return ()
