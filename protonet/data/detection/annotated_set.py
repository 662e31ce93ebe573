"""Images with marked boxes as records, as the convert_annoset of SSD's fork writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from protonet.data.cores import available_cores
from protonet.data.datum import planes
from protonet.data.detection.label_map import LabelMap
from protonet.data.detection.marked import Corners, MarkedImage, shown
from protonet.data.detection.record import BBOX
from protonet.data.image_decode import decode, encode
from protonet.data.image_files import Size, content, resized, suffix
from protonet.data.imageset import check_key
from protonet.data.ordered import in_order
from protonet.data.random import Random
from protonet.data.writing import KeyedRecord
from protonet.diagnostics import NetError
from protonet.reading import near_files
from protonet.schema.pool import Message, message

_NEAR = 1.5  # pixels that a box may reach beyond its image, for corners that count from 1


@dataclass(frozen=True)
class _Made:
    """A record under its key, or why it is none, and what there is to be told of it."""

    key: bytes
    value: bytes | NetError
    boxes: int = 0
    beyond: tuple[str, ...] = ()
    other_size: str = ""


@dataclass
class AnnotatedSet:
    """Images to convert and how. ``broken`` and ``beyond`` are filled with what was found.

    ``beyond`` are the boxes that reach beyond their image; they are kept, as in the fork, whose
    data layer cuts them. ``other_sizes`` are the images of another size than is stated with their
    boxes. Images stay encoded as their files are,
    where nothing about them changes.
    Source: convert_annoset, ReadRichImageToAnnotatedDatum.
    """

    root: Path
    images: list[MarkedImage]
    labels: LabelMap
    size: Size
    color: bool = True
    encode: bool = True
    skip_broken: bool = False
    broken: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    other_sizes: list[str] = field(default_factory=list)
    boxes: int = 0

    def shuffle(self, seed: int) -> None:
        """Put the images into a new order, the same for each seed."""
        order = Random(seed).shuffled(np.arange(len(self.images), dtype=np.int64))
        self.images = [self.images[i] for i in order]

    def records(self) -> Iterator[KeyedRecord]:
        """A record an image, under its number in eight digits, ``_`` and its name.

        NetError where an image or a box can't be taken.
        """
        for made in in_order(self._record, enumerate(self.images), available_cores()):
            if isinstance(made.value, NetError):
                if not self.skip_broken:
                    raise made.value
                self.broken.append(made.value.message)
                continue
            self.beyond += made.beyond
            self.other_sizes += [made.other_size] if made.other_size else []
            self.boxes += made.boxes
            yield made.key, made.value

    def _record(self, numbered: tuple[int, MarkedImage]) -> _Made:
        number, marked = numbered
        key = b"%08d_%s" % (number, os.fsencode(marked.name))
        path = self.root / marked.name
        try:
            check_key(key)
            return self._annotated(key, path, marked)
        except ValueError as error:
            what = f"the image {os.fspath(path)} of {marked.source} can't be taken: {error}"
            near = near_files(path) if "no such" in str(error) else []
            hint = f"did you mean {near[0]}?" if near else "--skip-broken leaves such images out"
            return _Made(key, NetError(what, None, hint))

    def _annotated(self, key: bytes, path: Path, marked: MarkedImage) -> _Made:
        record = message("AnnotatedDatum")
        record.type = BBOX
        height, width = self._fill(record.datum, path)
        (width, height), other_size = _counted(marked, path, (width, height))
        groups: dict[int, Message] = {}
        beyond = []
        for box in marked.boxes:
            label = self.labels.label(box.name, marked.source)
            if label not in groups:
                groups[label] = record.annotation_group.add(group_label=label)
            group = groups[label]
            one = group.annotation.add(instance_id=len(group.annotation))
            scale = (1.0, 1.0) if marked.parts else (float(width), float(height))
            slack = (_NEAR / width, _NEAR / height) if marked.parts else (_NEAR, _NEAR)
            if _reaches_beyond(box.corners, scale, slack):
                beyond.append(f"{marked.source}: {box.name} at {shown(box.corners)}")
            left, top, right, bottom = box.corners
            one.bbox.xmin, one.bbox.xmax = left / scale[0], right / scale[0]
            one.bbox.ymin, one.bbox.ymax = top / scale[1], bottom / scale[1]
            one.bbox.difficult = box.difficult
        value = record.SerializeToString()
        return _Made(key, value, len(marked.boxes), tuple(beyond), other_size)

    def _fill(self, datum: Message, path: Path) -> tuple[int, int]:
        """Put the image into a Datum; its size before it is resized."""
        data = content(path)
        image = decode(data, None)
        kind = suffix(path.name)
        fits = image.dtype == np.uint8 and image.ndim == (3 if self.color else 2)
        keeps = fits and image.shape[2:] in ((), (3,)) and self.size.keeps
        if not keeps:
            image = decode(data, self.color)
        height, width = image.shape[:2]
        image = resized(image, self.size)
        datum.channels, datum.height, datum.width = planes(image).shape
        datum.label, datum.encoded = -1, self.encode
        if not self.encode:
            datum.data = planes(image).tobytes()
        else:
            datum.data = data if keeps else encode(image, f".{kind or 'jpg'}")
        return height, width


def _counted(marked: MarkedImage, path: Path, real: tuple[int, int]) -> tuple[tuple[int, int], str]:
    """The width and height that boxes are parts of, and how the image has others, if it has.

    They are what is stated, as in the fork, which warns, but where that is the other way round.
    ValueError where it is since the camera was turned: the boxes may lie in either.
    """
    if 0 in marked.size or marked.size == real:
        return real, ""
    stated, found = ("x".join(map(str, size)) for size in (marked.size, real))
    told = f"{os.fspath(path)} is {found}, and {marked.source} says {stated}"
    if marked.size != real[::-1]:
        return marked.size, told
    data = content(path)
    if decode(data, None).shape[:2] != decode(data, True).shape[:2]:
        raise ValueError(f"its boxes are of {stated}, it is {found}, to be turned as it is shown")
    return real, f"{told}, the other way round"


def _reaches_beyond(
    corners: Corners, scale: tuple[float, float], slack: tuple[float, float]
) -> bool:
    left, top, right, bottom = corners
    low = left < -slack[0] or top < -slack[1]
    return low or right > scale[0] + slack[0] or bottom > scale[1] + slack[1]
