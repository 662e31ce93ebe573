"""HDF5Output: a net's blobs written to an HDF5 file."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from io import FileIO
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protonet.data.extras import need
from protonet.diagnostics import NetError
from protonet.files import replacing

if TYPE_CHECKING:
    from typing_extensions import Self


class _Discarded(Exception):
    """The file is not wanted."""


class _Sink(FileIO):
    """A file that keeps its first error, where HDF5 would end the process by one."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all bytes, or none from the first error on."""
        left = memoryview(data).cast("B")
        count = len(left)
        try:
            while len(left) and self.error is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.error = error
        return count

    def truncate(self, size: int | None = None) -> int:
        """Make the file this long."""
        try:
            return super().truncate(size) if self.error is None else size or 0
        except OSError as error:
            self.error = error
        return size or 0

    def check(self) -> None:
        """OSError with the file's name where something could not be written."""
        if self.error is not None:
            number = self.error.errno or 0
            raise OSError(number, os.strerror(number), self.name)


class HDF5Writer:
    """A file with the data sets "data" and "label", to which batches are added one by one.

    Each is single precision with Caffe's 4 axes; a batch more makes both longer, where Caffe
    writes one batch and stops at the second. The file appears, whole, when the ``with`` block ends
    without an error, or at ``close``. Source: HDF5OutputLayer::SaveBlobs.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._stack = ExitStack()
        h5py = need("h5py", "an HDF5Output layer")
        try:
            temporary = self._stack.enter_context(replacing(path))
            self._sink = self._stack.enter_context(_Sink(os.fspath(temporary), "w+"))
            self._stack.push(self._finish)
            self._file: Any = self._stack.enter_context(h5py.File(self._sink, "w"))
        except OSError as error:
            self._stack.close()
            reason = (error.strerror or str(error)).lower()
            raise NetError(f"{self._path} can't be written: {reason}") from None

    def add(self, data: ArrayLike, label: ArrayLike) -> None:
        """Add a batch.

        NetError where the numbers of items or the shapes don't agree, OSError where the disk is
        full.
        """
        self._refuse_full()
        blobs = {"data": self._blob("data", data), "label": self._blob("label", label)}
        counts = [len(blob) for blob in blobs.values()]
        if counts[0] != counts[1]:
            what = f"HDF5Output has {counts[0]} items of data and {counts[1]} labels"
            raise NetError(what)
        for name, blob in blobs.items():
            if name not in self._file:
                self._file.create_dataset(name, data=blob, maxshape=(None, *blob.shape[1:]))
                continue
            kept = self._file[name]
            if kept.shape[1:] != blob.shape[1:]:
                what = f"{name} of {self._path} has items of {kept.shape[1:]}, and now one of "
                raise NetError(f"{what}{blob.shape[1:]}")
            kept.resize(len(kept) + len(blob), axis=0)
            kept[-len(blob) :] = blob

    def _blob(self, name: str, values: ArrayLike) -> NDArray[np.float32]:
        blob = np.asarray(values, np.float32)
        if blob.ndim > 4:
            raise NetError(f"HDF5Output takes at most 4 axes, and {name} has {blob.ndim}")
        return blob.reshape(blob.shape + (1,) * (4 - blob.ndim))

    def _refuse_full(self) -> None:
        try:
            self._sink.check()
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from None

    def _finish(self, kind: type[BaseException] | None, *_more: object) -> None:
        """Refuse the file of which a part is not on the disk, once HDF5 has closed it."""
        if kind is None:
            self._refuse_full()

    def close(self) -> None:
        """Put the file into its place. OSError where the disk is full; then nothing is left."""
        self._stack.close()

    def discard(self) -> None:
        """Leave the file out."""
        with suppress(_Discarded), self._stack:
            raise _Discarded

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
