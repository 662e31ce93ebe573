"""HDF5 files of other people: what stands under a name, and numbers that the file really holds.

A file may name other files, claim sizes that it does not have, and hold what is no array. Every
call of h5py that reads goes through here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.extras import need
from protonet.data.hdf5_heaps import Heaps
from protonet.diagnostics import NetError
from protonet.reading import reading

# No filter of HDF5's packs tighter: deflate's limit is 1032.
_MOST_PACKED = 1100
_SLACK = 1 << 16
_MOST_LINKS = 8


_KINDS = {"fiu": "numbers", "iu": "whole numbers", "f": "floats", "S": "text"}


@dataclass(frozen=True)
class Hdf5:
    """An open file. NetError, with its path, wherever it is not what it should be."""

    path: str
    library: Any
    root: Any
    heaps: Heaps

    def close(self) -> None:
        """Close the file; what was read stays."""
        self.root.close()

    def names(self, group: Any) -> list[str]:
        """The names in a group. NetError where one is no text."""
        with reading(self.path):
            names = list(group)
        for name in names:
            if not isinstance(name, str):
                raise NetError(f"{self.path}: the name {name!r} in {group.name!r} is no UTF-8")
        return names

    def find(self, group: Any, name: str) -> Any:
        """What stands under a name, whose slashes lead into groups; None where nothing does."""
        with reading(self.path, f"is damaged at {name!r}"):
            return self._find(group, name, _MOST_LINKS)

    def _find(self, group: Any, name: str, links: int) -> Any:
        found = self.root if name.startswith("/") else group
        for part in filter(None, name.split("/")):
            if not self.is_group(found) or part not in found:
                return None
            link = found.get(part, getlink=True)
            if isinstance(link, self.library.SoftLink):
                if not links:
                    raise NetError(f"{self.path}: {part!r} is a link that leads to links")
                found = self._find(found, link.path, links - 1)
            elif isinstance(link, self.library.HardLink):
                found = self._held(found, part)
            else:
                what = f"{self.path}: {part!r} is a link into another file"
                raise NetError(what, None, "copy what it leads to into the file itself")
        return found

    def held(self, group: Any, name: str) -> Any:
        """What a group itself has under one of its names; None for a link to elsewhere."""
        with reading(self.path, f"is damaged at {name!r}"):
            link = group.get(name, getlink=True)
            return self._held(group, name) if isinstance(link, self.library.HardLink) else None

    def _held(self, group: Any, name: str) -> Any:
        link = group.id.links.get_info(name.encode("utf-8", "surrogateescape"))
        self.heaps.check(link.u)
        return group[name]

    def is_group(self, found: Any) -> bool:
        """Whether it has names in it."""
        return isinstance(found, self.library.Group)

    def is_array(self, found: Any) -> bool:
        """Whether it has values."""
        return isinstance(found, self.library.Dataset)

    def check(self, what: str, dataset: Any, kinds: str = "fiu", unwritten: int = 0) -> None:
        """NetError unless the file holds a data set, ``what`` by name, of these kinds of numbers.

        One that is kept in other files it does not hold, nor one far larger than its bytes here
        can be packed from; up to so many bytes may be ``unwritten``, the fill value throughout.
        """
        with reading(self.path, f"is damaged at {what}"):
            dtype, shape = dataset.dtype, dataset.shape
            if shape is None or dtype.kind not in kinds or dtype.subdtype is not None:
                wanted = _KINDS[kinds]
                raise NetError(f"{self.path}: {what} holds {_kind(dtype, shape)}, no {wanted}")
            if dataset.is_virtual or dataset.external:
                raise NetError(f"{self.path}: {what} is kept in other files")
            count, held = dataset.size, dataset.id.get_storage_size()
            most = held * _MOST_PACKED + _SLACK if held else unwritten
            if count * dtype.itemsize > most:
                claimed = f"claims {count:,} elements, but only {held:,} bytes are there"
                raise NetError(f"{self.path}: {what} {claimed}")

    def read(self, what: str, dataset: Any, kinds: str = "fiu", unwritten: int = 0) -> Array:
        """The values of a data set, checked."""
        self.check(what, dataset, kinds, unwritten)
        with reading(self.path, f"is damaged at {what}"):
            return np.asarray(dataset[()])

    def number(self, name: str) -> int:
        """The first number of a data set of the root. NetError where there is none."""
        found = self.find(self.root, name)
        if not self.is_array(found):
            raise NetError(f"{self.path} has no {name!r}")
        values = self.read(repr(name), found, "iu").reshape(-1)
        if not values.size:
            raise NetError(f"{self.path}: {name!r} holds no number")
        return int(values[0])

    def text(self, name: str) -> str:
        """The text of a data set of the root; "" where there is none, or it is another thing."""
        found = self.find(self.root, name)
        if not self.is_array(found):
            return ""
        with reading(self.path, f"is damaged at {name!r}"):
            if found.dtype.kind == "S":
                self.check(repr(name), found, "S")
            elif self.library.check_string_dtype(found.dtype) is None or found.shape != ():
                raise NetError(f"{self.path}: {name!r} holds {found.dtype}, no text")
            given = found[()]
        return given.decode("utf-8", "replace").rstrip("\0") if isinstance(given, bytes) else ""


def _kind(dtype: Any, shape: Any) -> str:
    return "nothing" if shape is None else "references" if dtype.kind == "O" else str(dtype)


def open_hdf5(path: str | os.PathLike[str], what: str) -> Hdf5:
    """Open a file to read, for ``what``. NetError where it can't be, or is no HDF5."""
    library = need("h5py", what)
    heaps = Heaps(path)
    heaps.check_root()
    with reading(path, "is damaged, or no HDF5 file"):
        return Hdf5(os.fspath(path), library, library.File(path, "r"), heaps)
