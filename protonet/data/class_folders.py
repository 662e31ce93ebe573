"""A folder of class folders as a list of images: cats/1.jpg, dogs/2.jpg, one folder a class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from protonet.data.image_files import SUFFIXES
from protonet.data.image_list import ListedImage
from protonet.diagnostics import NetError, did_you_mean
from protonet.files import write_whole
from protonet.reading import reading

_FIFTH = 5
_SHAPE = "it takes a folder a class, as in cats/1.jpg and dogs/1.jpg"


@dataclass(frozen=True)
class ClassFolders:
    """The classes of a folder in the order of their labels, and the images, class by class.

    Names of images are paths from ``root``. ``others`` are files that are no images by their name.
    """

    root: Path
    classes: tuple[str, ...]
    images: tuple[ListedImage, ...]
    others: tuple[str, ...] = ()

    @property
    def counts(self) -> list[int]:
        """How many images each class has."""
        found = Counter(image.label for image in self.images)
        return [found[label] for label in range(len(self.classes))]


def class_folders(root: Path, known: Sequence[str] | None = None) -> ClassFolders:
    """Look through a folder of class folders; what begins with a dot is passed over.

    The classes are the folders' names, sorted; ``known`` are those of the training where the images
    are for a test, which need not have all of them. NetError where it is no such folder, a class
    has no image, or is not known.
    """
    with reading(root, "can't be read", None):
        inside = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    folders = [path for path in inside if path.is_dir()]
    if not folders:
        raise NetError(f"{os.fspath(root)} has no class folders in it", None, _SHAPE)
    classes = tuple(path.name for path in folders) if known is None else tuple(known)
    images: list[ListedImage] = []
    others = [path.name for path in inside if not path.is_dir()]
    for folder in folders:
        label = _label(folder, classes)
        here, strange = _files(folder, root)
        others += strange
        images += [ListedImage(name, label, 0) for name in here]
    return ClassFolders(root, classes, tuple(images), tuple(others))


def _label(folder: Path, classes: Sequence[str]) -> int:
    if "\n" in folder.name:
        raise NetError(f"the class folder {folder} has a line end in its name", None, "rename it")
    if folder.name not in classes:
        hint = did_you_mean(folder.name, classes) or f"the classes are {', '.join(classes)}"
        what = f"the class folder {os.fspath(folder)} is no class of the training's"
        raise NetError(what, None, hint)
    return classes.index(folder.name)


def _files(folder: Path, root: Path) -> tuple[list[str], list[str]]:
    """The images of a class and its other files, at any depth, as paths from the root."""
    images: list[str] = []
    others: list[str] = []
    with reading(folder, "can't be read", None):
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(root)
            if path.is_dir() or any(part.startswith(".") for part in inner.parts):
                continue
            (images if path.suffix.lower() in SUFFIXES else others).append(inner.as_posix())
    if not images:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        what = f"the class folder {os.fspath(folder)} holds no image ({kinds})"
        raise NetError(what, None, "put some in, or take the folder out")
    return images, others


def held_out(images: Sequence[ListedImage]) -> tuple[list[ListedImage], list[ListedImage]]:
    """Images to train on, and every fifth, or the last, to test on.

    A class that has one image only is trained on. NetError where none can be held out.
    """
    single = {label for label, n in Counter(image.label for image in images).items() if n == 1}
    several = [image for image in images if image.label not in single]
    kept = several[_FIFTH - 1 :: _FIFTH] or several[-1:]
    if not kept:
        what = "each class has one image: none can be held out to test on"
        raise NetError(what, None, "add images, or give a folder of others by --val")
    names = {image.name for image in kept}
    return [image for image in images if image.name not in names], kept


def write_list(path: Path, images: Iterable[ListedImage]) -> None:
    """Write a list as Caffe's tools take it, ``FILE LABEL`` a line."""
    lines = [f"{image.name} {image.label}\n" for image in images]
    write_whole(path, os.fsencode("".join(lines)))


def write_labels(path: Path, classes: Sequence[str]) -> None:
    """Write the classes, one a line in the order of their labels.

    NetError where the file is there and has others: the labels of two databases would not agree.
    """
    content = os.fsencode("".join(f"{name}\n" for name in classes))
    if path.exists():
        with reading(path, "can't be read", None):
            if path.read_bytes() == content:
                return
        what = f"{os.fspath(path)} has other classes than these: {', '.join(classes)}"
        hint = "labels count by this list: give both databases the same class folders, or remove it"
        raise NetError(what, None, hint)
    write_whole(path, content)
