"""The bytes of a file to walk in, read as they are asked for.

A file that is mapped and cut off meanwhile, as a download that begins anew, ends the process; one
that is read is an error.
"""

from __future__ import annotations

import os
from io import FileIO
from typing import overload

from protonet.diagnostics import NetError

_WINDOW = 1 << 12


class FileView:
    """An open file as bytes are: its length as it was opened, single bytes, slices of bytes."""

    def __init__(self, name: str, handle: int) -> None:
        self._name, self._file = name, FileIO(handle, closefd=False)
        self._size = os.fstat(handle).st_size
        self._window, self._start = b"", 0

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> bytes: ...

    def __getitem__(self, place: int | slice) -> int | bytes:
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._size)
            return self._bytes(start, max(start, stop))
        if not 0 <= place < self._size:
            raise IndexError(place)
        if not 0 <= place - self._start < len(self._window):
            self._window = self._read(place, min(_WINDOW, self._size - place))
            self._start = place
        return self._window[place - self._start]

    def _bytes(self, start: int, stop: int) -> bytes:
        at = start - self._start
        if at >= 0 and stop - self._start <= len(self._window):
            return self._window[at : stop - self._start]
        return self._read(start, stop - start)

    def _read(self, start: int, size: int) -> bytes:
        data = bytearray(size)
        self.fill(start, memoryview(data))
        return bytes(data)

    def check(self) -> None:
        """NetError where the file has become shorter."""
        if os.fstat(self._file.fileno()).st_size < self._size:
            raise self._shorter()

    def _shorter(self) -> NetError:
        return NetError(f"{self._name} has become shorter while it was read")

    def fill(self, start: int, target: memoryview) -> None:
        """Fill memory with the bytes from a place on. NetError where the file has them no more."""
        self._file.seek(start)
        at = 0
        while at < len(target):
            got = self._file.readinto(target[at:])
            if not got:
                raise self._shorter()
            at += got
