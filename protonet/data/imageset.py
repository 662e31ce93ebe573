"""Image files of a list as records, as Caffe's convert_imageset writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from protonet.data.cores import available_cores
from protonet.data.datum import datum_of, planes
from protonet.data.image_decode import decode, encode
from protonet.data.image_files import Size, content, resized, suffix
from protonet.data.image_list import ListedImage, missing_hint
from protonet.data.ordered import in_order
from protonet.data.random import Random
from protonet.data.writing import KeyedRecord
from protonet.diagnostics import NetError
from protonet.schema.pool import message

_LONGEST_KEY = 511  # LMDB's limit
_SAME = {"jpeg": "jpg", "tif": "tiff"}


@dataclass
class ImageSet:
    """Images to convert and how. ``broken`` is filled with what was left out.

    ``encode`` keeps images encoded: a file as it is where nothing about it changes, else as
    ``encode_type``, or as the file's own kind. Source: convert_imageset, ReadImageToDatum; a file
    that --gray or the lack of it would change is encoded anew, where Caffe keeps it as it is.
    """

    root: Path
    entries: list[ListedImage]
    size: Size
    color: bool = True
    encode: bool = False
    encode_type: str = ""
    check_size: bool = False
    skip_broken: bool = False
    broken: list[str] = field(default_factory=list)

    def shuffle(self, seed: int) -> None:
        """Put the images into a new order, the same for each seed."""
        order = Random(seed).shuffled(np.arange(len(self.entries), dtype=np.int64))
        self.entries = [self.entries[i] for i in order]

    def records(self) -> Iterator[KeyedRecord]:
        """A record an image, under its number in eight digits, ``_`` and its name.

        NetError, with the line of the list, where an image can't be taken.
        """
        first: tuple[str, tuple[int, ...]] | None = None
        numbered = enumerate(self.entries)
        for key, value, shape, entry in in_order(self._record, numbered, available_cores()):
            if isinstance(value, NetError):
                if not self.skip_broken:
                    raise value
                self.broken.append(value.message)
                continue
            first = first or (entry.name, shape)
            if self.check_size and shape != first[1]:
                what = f"{entry.name!r} is {_show(shape)}, and {first[0]!r} is {_show(first[1])}"
                raise NetError(what, None, "without --check-size they may differ; or --resize")
            yield key, value

    def _record(
        self, numbered: tuple[int, ListedImage]
    ) -> tuple[bytes, bytes | NetError, tuple[int, ...], ListedImage]:
        number, entry = numbered
        key = b"%08d_%s" % (number, os.fsencode(entry.name))
        try:
            check_key(key)
            record, shape = self._datum(entry)
        except ValueError as error:
            name = os.fspath(self.root / entry.name)
            line = f" (line {entry.line} of the list)" if entry.line else ""
            what = f"the image {name}{line} can't be taken: {error}"
            hint = missing_hint(entry.name) if "no such" in str(error) else None
            hint = hint or "--skip-broken leaves such images out"
            return key, NetError(what, None, hint), (), entry
        return key, record.SerializeToString(), shape, entry

    def _datum(self, entry: ListedImage) -> tuple[Any, tuple[int, ...]]:
        data = content(self.root / entry.name)
        kind = self.encode_type or suffix(entry.name)
        if self.encode and not kind:
            raise ValueError("its name does not tell its kind; give --encode-type")
        if self.encode and self.size.keeps and same_kind(kind, suffix(entry.name)):
            image = decode(data, None)
            if image.ndim == (3 if self.color else 2) and image.shape[2:] in ((), (3,)):
                record = message("Datum")
                record.data, record.label, record.encoded = data, entry.label, True
                return record, planes(image).shape
        image = resized(decode(data, self.color), self.size)
        record = datum_of(planes(image), entry.label)
        record.encoded = self.encode
        if self.encode:
            record.data = encode(image, f".{kind}")
        return record, planes(image).shape


def check_key(key: bytes) -> None:
    """ValueError where a key is longer than an LMDB takes."""
    if len(key) > _LONGEST_KEY:
        raise ValueError(f"its key would have more than {_LONGEST_KEY} bytes")


def same_kind(kind: str, other: str) -> bool:
    """Whether two endings name one kind of image."""
    return _SAME.get(kind, kind) == _SAME.get(other, other)


def _show(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)
